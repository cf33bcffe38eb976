"""Small helpers of the conformance suite; each module does one thing."""
