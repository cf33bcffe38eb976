"""boto3 for the other services of the server."""

import boto3


def connect(server, name, verify=None):
    """A client; `verify` is the file of the authority to trust where the server speaks TLS."""
    return boto3.client(
        name, endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test",
        verify=verify,
    )


def metrics(server, namespace, verify=None):
    """The names of the metrics that were put into a namespace."""
    pages = connect(server, "cloudwatch", verify).get_paginator("list_metrics").paginate(Namespace=namespace)
    return {metric["MetricName"] for page in pages for metric in page["Metrics"]}
