"""The flights' pipeline: at departure, will this flight arrive more than 15 minutes late?

What is known when a flight leaves the gate is in its event. Whether it came late is told hours later, by its
arrival; one that was cancelled or diverted is never told. The weather at its origin, its plane and how
flights to its region fared lately come from tables. Each carrier has scores of its own.

Run it by hand with ``headrace up agents.flights.pipeline``; copy it to start one of your own.
"""

from __future__ import annotations

from math import inf

import msgspec
from river import base, compose, linear_model, metrics, optim, preprocessing, tree

import headrace as hr

LATE_AFTER_MIN = 15

NAME = "flights"
DEPARTURES = "flights.departures"
ARRIVALS = "flights.arrivals"
WEATHER = "flights.weather"
PLANES = "flights.planes"
REGIONS = "flights.regions"


class Flight(hr.Event, omit_defaults=True):
    """What is known when a flight leaves the gate; *late* comes from its arrival."""

    at: float  # seconds since 1970: when it left; of one that never left, when it should have
    month: int
    day: int
    weekday: int
    hour: float
    distance: float
    carrier: str
    origin: str
    dest: str
    region: str | None = None  # of dest
    tailnum: str | None = None
    dep_delay: float | None = None
    late: bool | None = None


class Weather(msgspec.Struct, omit_defaults=True):
    """What an airport measured, from *at* on; degrees Fahrenheit, miles an hour, inches, millibars, miles."""

    origin: str
    at: float
    temp: float | None = None
    dewp: float | None = None
    humid: float | None = None
    wind_dir: float | None = None
    wind_speed: float | None = None
    wind_gust: float | None = None
    precip: float | None = None
    pressure: float | None = None
    visib: float | None = None


class Plane(msgspec.Struct, omit_defaults=True):
    """What the register says of a plane."""

    tailnum: str
    at: float
    year: float | None = None
    engines: float | None = None
    seats: float | None = None
    manufacturer: str | None = None
    model: str | None = None


class Region(msgspec.Struct):
    """How many minutes flights to a region lost on their way, as seen in the hours before *at*."""

    region: str
    at: float
    lost: float


class Arrival(msgspec.Struct):
    """The label of the flight *event_id*, told at the moment it arrived at the gate."""

    event_id: str
    late: bool
    at: float


WEATHER_FIELDS = ("temp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib")
"""What joins: neither a direction, which is no quantity, nor the dew point, which the others tell."""

PLANE_FIELDS, PLANE_PREFIX = ("year", "seats"), "plane_"

REGION_FIELDS, REGION_PREFIX = ("lost",), "region_"


def linear() -> base.Estimator:
    """Return a logistic regression over scaled numbers, those of the tables among them, and one-hot names."""
    numbers = compose.SelectType(int, float) | preprocessing.StandardScaler()
    names = compose.Select("carrier", "origin", "dest") | preprocessing.OneHotEncoder(drop_zeros=True)
    model: base.Estimator = numbers + names | linear_model.LogisticRegression(optimizer=optim.AdaGrad(0.1))
    return model


def hoeffding_tree() -> base.Estimator:
    """Return a decision tree over the numbers of the flight itself, its delay that to expect on arrival.

    Weather and plane lead it astray; what flights to the region lose counts only in sum with the delay.
    """
    joined = (*WEATHER_FIELDS, *(PLANE_PREFIX + name for name in PLANE_FIELDS))
    lost = tuple(REGION_PREFIX + name for name in REGION_FIELDS)
    own = compose.SelectType(int, float) | compose.Discard("dep_delay", *joined, *lost)
    model: base.Estimator = own + hr.Total(("dep_delay", *lost)) | tree.HoeffdingTreeClassifier()
    return model


LATENESS_S = 3_600.0
"""As long as one row of weather holds: a departure told so late still meets the weather of its own hour."""

WAIT_S = 3 * 86_400.0
"""The longest way from gate to gate takes half a day; the rest is for a topic of arrivals that lags behind,
as where a worker catches up. Who has no label then never landed where it should.
"""


def build(name: str) -> hr.Pipeline:
    """Return the flights' pipeline under a *name*, with which its topics begin too."""
    return hr.Pipeline(
        name,
        source=hr.Topic(
            topic_of(DEPARTURES, name),
            Flight,
            key="carrier",
            partitions=4,
            retention_s=inf,  # Kafka counts it from the records' timestamps, and these are of 2013
            time=hr.EventTime("at", lateness_s=LATENESS_S),
        ),
        labels=hr.Labels(topic_of(ARRIVALS, name), event_id="event_id", time="at", wait_s=WAIT_S),
        target="late",
        lookups=[
            hr.Lookup(_table(topic_of(WEATHER, name), Weather), key="origin", fields=WEATHER_FIELDS),
            hr.Lookup(
                _table(topic_of(PLANES, name), Plane), key="tailnum", fields=PLANE_FIELDS, prefix=PLANE_PREFIX
            ),
            hr.Lookup(
                _table(topic_of(REGIONS, name), Region),
                key="region",
                fields=REGION_FIELDS,
                prefix=REGION_PREFIX,
            ),
        ],
        models={"linear": linear, "tree": hoeffding_tree},
        combine=hr.Vote("soft"),
        metrics=hr.Metrics(metrics.Accuracy, metrics.ROCAUC, by="carrier"),
    )


def topic_of(topic: str, name: str) -> str:
    """Return what a *topic* of the flights is called for a pipeline of another *name*."""
    return name + topic.removeprefix(NAME)


def _table(topic: str, row: type[msgspec.Struct]) -> hr.Topic:
    return hr.Topic(topic, row, partitions=1, retention_s=inf, time="at")


pipeline = build(NAME)
