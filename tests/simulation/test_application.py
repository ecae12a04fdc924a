"""The application of a simulated node: how much it does before it stops by itself."""

from tests.simulation.stage import Stage


def test_an_application_stops_after_the_reads_it_was_allowed() -> None:
    stage = Stage()
    application = stage.application(stage.ready(), read_share=1.0)
    application.start(writes=1, reads=20)
    assert stage.world.settle(lambda: application.finished)
    assert (application.reads, application.writes) == (20, 0)


def test_an_application_stops_after_the_writes_it_was_allowed() -> None:
    stage = Stage()
    application = stage.application(stage.ready(), read_share=0.0)
    application.start(writes=7)
    assert stage.world.settle(lambda: application.finished)
    assert (application.reads, application.writes) == (0, 7)
