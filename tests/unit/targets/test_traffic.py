from __future__ import annotations

import pytest

from nb2prod.targets.local.traffic import Traffic, parse, quantile

TEXT = """
# TYPE nb2prod_requests counter
nb2prod_requests_total{route="/predict",status="200"} 98
nb2prod_requests_total{route="/predict",status="422"} 1
nb2prod_requests_total{route="/v2/models/m/infer",status="503"} 1
nb2prod_requests_total{route="/feedback",status="200"} 40
nb2prod_requests_total{route="/metrics",status="200"} 7
# TYPE nb2prod_request_seconds histogram
nb2prod_request_seconds_bucket{le="0.001"} 50
nb2prod_request_seconds_bucket{le="0.01"} 100
nb2prod_request_seconds_bucket{le="+Inf"} 100
"""


def test_requests_errors_and_times_come_from_the_services_own_sums() -> None:
    assert parse(TEXT) == Traffic(requests=100, errors=1, p50_ms=1.0, p99_ms=9.82)


def test_before_the_first_request_there_are_no_times() -> None:
    assert parse("") == Traffic(0, 0, None, None)


@pytest.mark.parametrize(("share", "expected"), [(0.25, 500.0), (0.5, 1000.0), (0.75, 1500.0), (0.99, 2000.0)])
def test_a_quantile_is_linear_in_its_bucket_and_never_past_the_last_edge(share: float, expected: float) -> None:
    assert quantile({1.0: 50, 2.0: 100 - 20, float("inf"): 100}, share) == pytest.approx(
        expected if share != 0.75 else 1000 + 1000 * 25 / 30
    )
