"""Headers of a result keep the rules of CloudEvents 1.0 for Kafka, binary mode."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlsplit

import pytest

from schemas.cloudevents import DEAD_LETTER_TYPE, PREDICTION_TYPE, common_headers

NOW = datetime(2026, 3, 1, 9, 30, 15, 123_456, tzinfo=UTC)
RFC3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def headers(now: datetime = NOW, source: str = "/fraud/payments.eu/3") -> dict[str, str]:
    listed = common_headers(PREDICTION_TYPE, source, now)
    found = {name: content.decode() for name, content in listed}
    assert len(found) == len(listed)  # no attribute twice
    return found


def test_required_attributes_are_there_but_the_id_that_each_result_adds() -> None:
    found = headers()

    assert found["ce_specversion"] == "1.0"
    assert found["ce_type"] == "headrace.prediction.v1"
    assert found["ce_source"] == "/fraud/payments.eu/3"
    assert "ce_id" not in found


def test_the_value_is_declared_as_json_in_the_header_that_has_no_prefix() -> None:
    assert headers()["content-type"] == "application/json"
    assert "ce_datacontenttype" not in headers()


def test_attribute_names_are_lower_case_letters_and_digits_behind_the_prefix() -> None:
    assert all(re.fullmatch(r"ce_[a-z0-9]{1,20}", name) for name in headers() if name != "content-type")


def test_no_attribute_is_empty() -> None:
    assert all(headers().values())


@pytest.mark.parametrize(
    "zone", [UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-8))]
)
def test_time_is_rfc_3339_in_utc_whatever_the_zone_of_the_clock(zone: timezone) -> None:
    stamp = headers(NOW.astimezone(zone))["ce_time"]

    assert RFC3339_UTC.fullmatch(stamp)
    assert stamp == "2026-03-01T09:30:15.123Z"


def test_time_on_the_full_second_keeps_its_form() -> None:
    assert headers(NOW.replace(microsecond=0))["ce_time"] == "2026-03-01T09:30:15.000Z"


def test_source_is_a_uri_reference_for_every_name_kafka_takes() -> None:
    source = "/A-z_0.9/A-z_0.9/3"

    parts = urlsplit(headers(source=source)["ce_source"])

    assert (parts.path, parts.scheme, parts.netloc, parts.query, parts.fragment) == (source, "", "", "", "")


def test_types_carry_the_product_and_a_version() -> None:
    for event_type in (PREDICTION_TYPE, DEAD_LETTER_TYPE):
        assert re.fullmatch(r"headrace\.[a-z_]+\.v[1-9]", event_type)
