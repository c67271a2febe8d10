"""What the environment may hold, and what a user is told when it holds something else."""

import pytest
from hub.settings import Settings, WrongSetting


def test_an_empty_environment_is_enough() -> None:
    settings = Settings.from_environment({})

    assert (settings.port, settings.error_rate, settings.latency_s) == (8000, 0.0, 0.0)


def test_the_chart_tells_version_pod_and_port() -> None:
    settings = Settings.from_environment({"SERVICE_VERSION": "abc", "POD_NAME": "hub-api-1", "PORT": "9000"})

    assert (settings.version, settings.pod, settings.port) == ("abc", "hub-api-1", 9000)


def test_latency_is_given_in_milliseconds() -> None:
    assert Settings.from_environment({"HUB_LATENCY_MS": "250"}).latency_s == 0.25


def test_work_is_given_in_milliseconds() -> None:
    assert Settings.from_environment({"HUB_CPU_MS": "4"}).cpu_s == 0.004


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("HUB_ERROR_RATE", "2", "HUB_ERROR_RATE takes a number from 0 to 1, it holds '2'"),
        ("HUB_ERROR_RATE", "often", "HUB_ERROR_RATE takes a number from 0 to 1, it holds 'often'"),
        ("HUB_ERROR_RATE", "nan", "HUB_ERROR_RATE takes a number from 0 to 1, it holds 'nan'"),
        ("HUB_LATENCY_MS", "-1", "HUB_LATENCY_MS takes a number from 0 to 60000, it holds '-1'"),
        ("PORT", "http", "PORT takes a number from 0 to 65535, it holds 'http'"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str, told: str) -> None:
    with pytest.raises(WrongSetting) as error:
        Settings.from_environment({name: value})

    assert str(error.value) == told
