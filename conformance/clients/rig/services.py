"""boto3 for the other services of the server."""

import boto3


def connect(server, name):
    return boto3.client(
        name, endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


def metrics(server, namespace):
    """The names of the metrics that were put into a namespace."""
    pages = connect(server, "cloudwatch").get_paginator("list_metrics").paginate(Namespace=namespace)
    return {metric["MetricName"] for page in pages for metric in page["Metrics"]}
