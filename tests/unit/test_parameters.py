"""System parameters: ranges and defaults typed from the manual, what is dynamic, what a boot changes."""

import pytest

from drivers.platform.parameters import ParameterError, SystemParameters


@pytest.mark.parametrize(
    ("name", "alpha", "vax"),
    [
        ("SHADOW_MAX_COPY", 4, 4),
        ("SHADOW_MAX_UNIT", 500, 100),
        ("SHADOW_MBR_TMO", 120, 120),
        ("WBM_MSG_INT", 10, 10),
        ("WBM_MSG_UPPER", 100, 10),
        ("WBM_MSG_LOWER", 10, 5),
        ("WBM_OPCOM_LVL", 1, 1),
    ],
)
def test_defaults_are_those_of_the_manual(name: str, alpha: int, vax: int) -> None:
    assert (SystemParameters("Alpha")[name], SystemParameters("VAX")[name]) == (alpha, vax)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHADOW_MAX_COPY", 201),
        ("SHADOW_MBR_TMO", 0),
        ("SHADOW_MAX_UNIT", 9),
        ("WBM_MSG_INT", 9),
        ("WBM_OPCOM_LVL", 3),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: int) -> None:
    parameters = SystemParameters("Alpha")
    with pytest.raises(ParameterError):
        parameters.write_current(name, value)
    assert parameters.current(name) == parameters.default(name)


def test_a_dynamic_parameter_changes_at_once_and_is_forgotten_by_the_next_boot() -> None:
    parameters = SystemParameters("Alpha")
    parameters.write_active("SHADOW_MBR_TMO", 30)
    assert parameters["SHADOW_MBR_TMO"] == 30
    parameters.boot()
    assert parameters["SHADOW_MBR_TMO"] == 120


def test_a_parameter_that_is_not_dynamic_changes_when_the_system_boots() -> None:
    parameters = SystemParameters("Alpha")
    with pytest.raises(ParameterError):
        parameters.write_active("SHADOW_MAX_UNIT", 20)
    parameters.write_current("SHADOW_MAX_UNIT", 20)
    assert parameters["SHADOW_MAX_UNIT"] == 500
    parameters.boot()
    assert parameters["SHADOW_MAX_UNIT"] == 20


def test_minus_one_stands_for_no_limit() -> None:
    parameters = SystemParameters("Alpha")
    parameters.write_active("WBM_MSG_UPPER", -1)
    assert parameters["WBM_MSG_UPPER"] == 0x7FFFFFFF
