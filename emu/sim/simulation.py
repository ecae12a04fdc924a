"""One run of a scenario, judged from outside: by what applications saw and by the bytes of the media.

The judges, in the order in which they have their say:

* each read is checked by the ledger when it ends;
* each acknowledged write that a departed disk misses has its bits, at that instant;
* when the story is over and faults have ended: within a minute every request is answered, every operator's command has
  ended, every copy too;
* full members are equal, hold what was acknowledged, and so does each disk that is still away, as of its departure;
* the disks return, and the same holds for all of them;
* a read takes as long as a disk does;
* at the ports of the controller no answer, no credit and no descriptor is missing;
* and no map register and no pool.
"""

import traceback
from collections.abc import Callable

from emu.core.trace import Event
from emu.sim import judges, mishaps, operator_actions
from emu.sim.outcome import Outcome, Wrong
from emu.sim.scenario import LONG_NS, Action, Scenario, Step
from emu.sim.scene import Scene
from emu.sim.storage import Equipment

_PLAYS: dict[Action, Callable[[Scene, int], None]] = {
    Action.LEAVE: operator_actions.leave,
    Action.RETURN: operator_actions.return_disk,
    Action.RESTORE: operator_actions.restore,
    Action.DELETE_BITMAP: operator_actions.delete_bitmap,
    Action.DISMOUNT: operator_actions.dismount,
    Action.MOUNT: operator_actions.mount,
    Action.WEAK_DISK: mishaps.weak_disk,
    Action.DEAD_DISK: mishaps.dead_disk,
    Action.TORN_WRITE: mishaps.torn_write,
    Action.UNREADABLE_BLOCK: mishaps.unreadable_block,
    Action.TAKE_DISK: mishaps.take_disk,
    Action.SILENT_DISK: mishaps.silent_disk,
    Action.HEAL: mishaps.heal,
    Action.STOP_CONTROLLER: mishaps.stop_controller,
    Action.HANG_CONTROLLER: mishaps.hang_controller,
    Action.STUMBLING_CONTROLLER: mishaps.stumbling_controller,
    Action.STRAY_INTERRUPT: mishaps.stray_interrupt,
    Action.RESET_UNIT: mishaps.reset_unit,
    Action.ATTENTION: mishaps.attention,
    Action.PAUSE: mishaps.pause,
    Action.POWER_LOSS: mishaps.power_loss,
    Action.CRASH: mishaps.crash,
    Action.REBOOT: operator_actions.reboot,
    Action.BREAK_LINK: mishaps.break_link,
    Action.BREAK_ONE_WAY: mishaps.break_one_way,
    Action.STORM: mishaps.storm,
    Action.MEND_LAN: mishaps.mend_lan,
    Action.SCARCE_POOL: mishaps.scarce_pool,
    Action.FREE_POOL: mishaps.free_pool,
}


class Simulation:
    """A scenario being played.

    equipment: what scenarios name.  hear: is told of every event, for ladders.
    """

    def __init__(
        self,
        scenario: Scenario,
        equipment: Equipment,
        hear: Callable[[Event], None] | None = None,
    ) -> None:
        self._scene = Scene(scenario, equipment, judges.judge_bits, hear)

    def run(self) -> Outcome:
        """Play the story; returns what came of it, whatever that is."""
        scene = self._scene
        try:
            scene.begin()
        except Exception:
            scene.outcome.failures.append(_crash())
            return scene.outcome
        try:
            scene.mount_first()
            for step in scene.scenario.steps:
                self._play(step)
            self._calm_down()
            judges.judge_media(scene)
            self._return_all()
            judges.judge_media(scene)
            judges.judge_signals(scene)
            judges.judge_ports(scene)
            judges.judge_map_registers(scene)
            judges.judge_pool(scene)
        except Wrong as wrong:
            scene.outcome.failures.append(str(wrong))
        except Exception:
            scene.outcome.failures.append(_crash())
        return scene.end()

    def _play(self, step: Step) -> None:
        scene = self._scene
        scene.bury()
        for node in scene.mounted:
            if node.name not in scene.leaving or scene.leaving[node.name].has_ended():
                scene.start_application(node, step.writes)
        scene.clock.run_for(step.after_ns)
        scene.bury()
        scene.patience_ns = step.patience_ns
        scene.outcome.reached[step.action.value, scene.state()] += 1
        _PLAYS[step.action](scene, step.pick)
        scene.note(scene.clock.now_ns, step.number, scene.state())
        judges.judge_applications(scene)

    def _calm_down(self) -> None:
        """End all faults, and wait until nothing is under way any more."""
        scene = self._scene
        scene.patience_ns = scene.progress_ns
        mishaps.heal(scene, 0)
        mishaps.mend_lan(scene, 0)
        scene.storage.calm()
        if scene.storage.recovery_ns:
            scene.clock.run_for(scene.storage.recovery_ns)
        mishaps.free_pool(scene, 0)
        scene.clock.run_until(lambda: not scene.paused)
        if scene.lan_suffered:
            scene.clock.run_for(2 * LONG_NS)  # who is put out of the cluster stops, perhaps late
        scene.bury()
        while scene.down:
            operator_actions.reboot(scene, 0)
        judges.judge_boots(scene)
        operator_actions.let_all_copy(scene)
        for node in scene.nodes:
            judges.judge_answers(scene, node)
        judges.judge_commands(scene)
        if not scene.mounted:
            operator_actions.mount(scene, 0)
        judges.judge_applications(scene)
        judges.judge_copies(scene)
        scene.close_applications()

    def _return_all(self) -> None:
        """Mount every disk that is away again, as far as a set has room."""
        scene = self._scene
        for disk in scene.away():
            if len(scene.members()) < 3 and scene.mounted:
                node = scene.mounted[0]
                command = scene.command(node, scene.mounting(node, [disk.device]))
                scene.wait(command)
                if command.refusal:
                    raise Wrong(f"{disk.device} cannot return: {command.refusal}")
                judges.judge_copies(scene)


def _crash() -> str:
    """Tell of the exception that is being handled."""
    return f"a crash: {traceback.format_exc(limit=-6)}"
