"""Attention messages: what a controller tells without being asked."""

from emu.conform.clause import clause, expect, expect_that
from emu.conform.host import Host, Message
from emu.conform.target import Need


def _loaded(host: Host, flags: int = 0x0080) -> list[Message]:
    """The AVAILABLE attentions after a medium was taken out and put back."""
    host.start(flags)
    host.idle(host.facts.attention_seconds)
    before = len(host.attentions(0x40))
    host.operator.unload(host.facts.scratch)
    host.idle(host.facts.attention_seconds)
    host.operator.load(host.facts.scratch)
    host.idle(host.facts.attention_seconds)
    return host.attentions(0x40)[before:]


def _the_one(messages: list[Message]) -> Message:
    expect("number of attention messages", len(messages), 1)
    return messages[0]


@clause("2.11", Need.LOADING, Need.PROMPT_NEWS)
def a_medium_that_was_loaded_is_announced_once(host: Host) -> None:
    _the_one(_loaded(host))


@clause("2.11", Need.LOADING, Need.PROMPT_NEWS)
def without_the_attention_flag_nothing_is_announced(host: Host) -> None:
    expect("number of attention messages", len(_loaded(host, 0x0070)), 0)


@clause("2.11", Need.LOADING, Need.PROMPT_NEWS)
def available_has_32_bytes(host: Host) -> None:
    expect("length", _the_one(_loaded(host)).length, 32)


@clause("2.11", Need.LOADING, Need.PROMPT_NEWS)
def it_is_a_sequential_message_of_no_command(host: Host) -> None:
    message = _the_one(_loaded(host))
    expect("message type", message.type, 0)
    expect("connection", message.connection, 0)
    expect("reference number", message.crn, 0)


@clause("2.11", Need.LOADING, Need.PROMPT_NEWS)
def it_names_the_unit(host: Host) -> None:
    expect("unit", _the_one(_loaded(host)).unit, host.facts.scratch)


@clause("2.11", Need.LOADING, Need.PROMPT_NEWS)
def it_describes_the_unit_as_get_unit_status_does(host: Host) -> None:
    message = _the_one(_loaded(host))
    status = host.ask(0x03)
    expect("multi-unit code and unit flags", message.text[12:16], status.text[12:16])
    expect("unit and media identifier", message.text[20:32], status.text[20:32])


@clause("2.11", Need.LOADING, Need.PROMPT_NEWS)
def its_reserved_fields_are_zero(host: Host) -> None:
    message = _the_one(_loaded(host))
    expect("sequence number", message.u16(6), 0)
    expect("flags and status", message.text[9:12], bytes(3))
    expect("bytes 16 to 19", message.text[16:20], bytes(4))


@clause("2.11", Need.LOADING, Need.PROMPT_NEWS)
def it_waits_for_a_response_slot(host: Host) -> None:
    host.start(0x0080, responses=0)
    host.idle(host.facts.attention_seconds)
    host.take_all()
    host.arming = False
    host.ask(0x03)
    host.operator.unload(host.facts.scratch)
    host.operator.load(host.facts.scratch)
    host.idle(host.facts.attention_seconds)
    before = len(host.received)
    host.arming = True
    host.arm(0)
    host.idle(host.facts.attention_seconds)
    expect_that(host.attentions(0x40), "the announcement comes when there is a slot")
    expect_that(len(host.received) > before, "the announcement was not there before")


@clause("2.11", Need.NUMBER_PLUGS, Need.OTHER_UNIT)
def a_number_that_two_drives_show_is_announced(host: Host) -> None:
    host.start(0x0080)
    host.operator.renumber(host.facts.other or 0, host.facts.scratch)
    host.idle(host.facts.attention_seconds)
    found = host.attentions(0x41)
    expect("number of DUPLICATE UNIT messages", len(found), 1)
    expect("unit", found[0].unit, host.facts.scratch)
    expect("reference number", found[0].crn, 0)


@clause("2.11", Need.NUMBER_PLUGS, Need.OTHER_UNIT)
def without_the_attention_flag_a_double_number_is_not_announced(host: Host) -> None:
    host.start(0)
    host.operator.renumber(host.facts.other or 0, host.facts.scratch)
    host.idle(host.facts.attention_seconds)
    expect("number of DUPLICATE UNIT messages", len(host.attentions(0x41)), 0)


@clause("2.5", Need.SECOND_HOST)
def a_unit_that_another_host_gave_up_with_allcd_is_announced(host: Host) -> None:
    other = host.second_host()
    other.start_online(flags=0x0080)
    host.start_online()
    before = len(other.attentions(0x40))
    host.ask(0x08, modifiers=0x0002)
    other.idle(host.facts.attention_seconds)
    expect("AVAILABLE messages to the other host", len(other.attentions(0x40)) - before, 1)
