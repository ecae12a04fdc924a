"""The table of all operations, with the forms that each grammar has for them.

The order is that of SIMH's command list, where the first verb that begins as typed is meant.
"""

from emu.console.hardware import examine, help, scripts, storage, units
from emu.console.hardware.grammar import operation

OPERATIONS = (
    operation(
        "Initialise ports as a bus reset does: hosts lose their connection and start again.",
        examine.reset,
        simh=("RESET [controller]",),
        hsof=("RESTART THIS_CONTROLLER",),
    ),
    operation(
        "Show registers of a port (STATE is all of them), memory as the port sees it, or blocks of a disk. A range is "
        "first-last or first/count. Addresses are octal, LBNs decimal. Without a place: memory of PUA.",
        examine.examine,
        simh=("EXAMINE place STATE", "EXAMINE place MEMORY what", "EXAMINE place [what]"),
        o="octal",
        d="decimal",
        h="hexadecimal",
        a="characters",
    ),
    operation(
        "Change a register (IP and SA, as a host does), words of memory, or a word of a block: DEPOSIT DUA0 7:10 123. "
        "Refused on a disk that a host has on line.",
        examine.deposit,
        simh=("DEPOSIT place MEMORY what value", "DEPOSIT place what value", "DEPOSIT place value"),
        o="octal",
        d="decimal",
        h="hexadecimal",
    ),
    operation(
        "Connect LINE, for SEND and EXPECT.",
        scripts.attach_line,
        simh=("ATTACH LINE url",),
    ),
    operation(
        "Put an image into a unit. Nothing is created unasked: -n makes a new image, of the size of the drive that "
        "is named after a comma. Without a drive, its size decides.",
        units.attach,
        simh=("ATTACH unit <file>",),
        r="read-only",
        n="make a new image",
    ),
    operation(
        "Take the image out of a unit, whoever uses it, or out of ALL units, or close the LINE.",
        units.detach,
        simh=("DETACH unit",),
    ),
    operation(
        "Write the configuration into a file, as commands: controllers, images, locks. Contents, time and what hosts "
        "do are not saved; mirrorsets are noted as comments.",
        units.save,
        simh=("SAVE file",),
        o="replace a file that exists",
    ),
    operation(
        "Detach all images and do a saved configuration. Refused while a host has a unit on line, or when the "
        "controllers are others.",
        scripts.restore,
        simh=("RESTORE file", "GET file"),
    ),
    operation(
        "End this console. The world goes on.",
        scripts.leave,
        simh=("EXIT", "QUIT", "BYE"),
        hsof=("EXIT",),
    ),
    operation(
        "Show trace events: of one controller or of everything, of all kinds or of REGISTERS, STATES, MESSAGES, "
        "INTERRUPTS, BLOCKS, BITMAPS, COPIES, OPERATOR. Any other word is the file they go to; STDOUT is this console.",
        scripts.set_debug,
        simh=("SET DEBUG [<choice>]",),
    ),
    operation("Stop showing them.", scripts.set_no_debug, simh=("SET NODEBUG [<choice>]",)),
    operation(
        "Turn a unit's write-protect switch on.",
        units.lock,
        simh=("SET unit LOCKED",),
        hsof=("SET unit WRITE_PROTECT",),
    ),
    operation(
        "Turn a unit's write-protect switch off.",
        units.unlock,
        simh=("SET unit WRITEENABLED",),
        hsof=("SET unit NOWRITE_PROTECT",),
    ),
    operation("Start a unit that was stopped.", storage.run_unit, hsof=("SET unit RUN",)),
    operation(
        "Stop a unit: it is off line for every host, its container stays. Refused while a host has it.",
        storage.stop_unit,
        hsof=("SET unit NORUN",),
    ),
    operation(
        "Bring a disk into a mirrorset. A reduced disk gets what was written since by minicopy "
        "(COPYING), every other one a full copy (NORMALIZING): what it held is lost. The command ends when the copy "
        "has begun.",
        storage.replace_member,
        simh=("SET mirrorset REPLACE=disk",),
        hsof=("SET mirrorset REPLACE=disk",),
    ),
    operation(
        "Take a disk out of a mirrorset for good: it returns by a full copy only.",
        storage.remove_member,
        simh=("SET mirrorset REMOVE=disk",),
        hsof=("SET mirrorset REMOVE=disk",),
    ),
    operation(
        "Known, and fixed: a value other than the one SHOW tells is refused.",
        storage.set_mirrorset,
        hsof=(
            "SET mirrorset MEMBERSHIP=value",
            "SET mirrorset COPY=value",
            "SET mirrorset READ_SOURCE=value",
            "SET mirrorset POLICY=value",
        ),
    ),
    operation(
        "Show controllers, units and what is in them.", units.show_configuration, simh=("SHOW CONFIGURATION",)
    ),
    operation("Show the controllers and their ports.", units.show_controllers, simh=("SHOW CONTROLLERS",)),
    operation("Show all units.", units.show_units, simh=("SHOW UNITS",)),
    operation(
        "Show both rings of a port: owner, interrupt flag, address, and the messages in one line each.",
        examine.show_rings,
        simh=("SHOW RINGS [controller]",),
    ),
    operation("Show the time of the world.", units.show_time, simh=("SHOW TIME",)),
    operation("Show what serves the world from outside.", units.show_links, simh=("SHOW LINKS",)),
    operation("Show name and version of the program.", units.show_version, simh=("SHOW VERSION",)),
    operation("Show which trace events are shown, and where.", scripts.show_debug, simh=("SHOW DEBUG",)),
    operation(
        "Show the mirrorsets; FULL tells switches, states and sizes.",
        storage.show_mirrorsets,
        simh=("SHOW MIRRORSETS [FULL]",),
        hsof=("SHOW MIRRORSETS [FULL]", "SHOW STORAGESETS [FULL]"),
    ),
    operation("Show a controller or a unit.", units.show_place, simh=("SHOW place",)),
    operation("Show the units.", storage.show_units, hsof=("SHOW UNITS [FULL]",)),
    operation("Show the disks.", storage.show_disks, hsof=("SHOW DISKS [FULL]", "SHOW DEVICES [FULL]")),
    operation("Show the controller.", storage.show_this_controller, hsof=("SHOW THIS_CONTROLLER [FULL]",)),
    operation(
        "Show a unit, a disk or a mirrorset, with all that is known of it.",
        storage.show_name,
        hsof=("SHOW name [FULL]",),
    ),
    operation(
        "Do the commands of a file; %1 to %9 in it are the arguments, %* all of them.",
        scripts.do,
        simh=("DO <file>",),
        v="show each command",
        e="end at the first error",
        o="begin with the ON ERROR of the file that says DO",
    ),
    operation(
        "In a command file: what is done after a command that failed; nothing, when left out.",
        scripts.on_error,
        simh=("ON ERROR [<action>]",),
    ),
    operation("Say something.", scripts.echo, simh=("ECHO [<text>]",)),
    operation(
        "Go on if a register holds what it should, else end all command files: ASSERT PUA SA=0.",
        examine.assert_condition,
        simh=("ASSERT <condition>",),
    ),
    operation(
        "Let the world's time go on: seconds, or with a unit, 200MS, 50US.",
        scripts.wait,
        simh=("WAIT time",),
        hsof=("WAIT time",),
    ),
    operation(
        'Send a text over LINE: SEND "run\\r". Escapes: \\r \\n \\t \\e \\\\ \\" and octal \\nnn.',
        scripts.send,
        simh=("SEND <text>",),
    ),
    operation(
        'Wait until LINE has said a text, a minute at most, then do what follows it: EXPECT "login:" SEND "guest\\r".',
        scripts.expect,
        simh=("EXPECT <text>",),
    ),
    operation(
        "Take members out of a mirrorset, all at one instant, each with a write bitmap by which it can return.",
        storage.reduce,
        simh=("REDUCE disk...",),
        hsof=("REDUCE disk...",),
    ),
    operation(
        "Copy what a guest sees of a disk into a new raw image: of a reduced member, or of a disk that no host "
        "can write to. A file that exists is not replaced.",
        storage.backup,
        simh=("BACKUP disk TO file",),
        hsof=("BACKUP disk TO file",),
    ),
    operation("Open an image under a name.", storage.add_disk, hsof=("ADD DISK name image [READ_ONLY]",)),
    operation(
        "Make a unit of a container.", storage.add_unit, hsof=("ADD UNIT unit container [WRITE_PROTECT]",)
    ),
    operation(
        "Take a unit away from hosts, or close a disk that no unit uses.",
        storage.delete,
        hsof=("DELETE name",),
    ),
    operation(
        "Known, and refused: mirrorsets are given when the program starts.",
        storage.refused("a mirrorset is given when the program starts: --unit DUA0=shadow(a.dsk,b.dsk)"),
        hsof=("ADD MIRRORSET name disk...", "MIRROR disk name", "UNMIRROR disk"),
    ),
    operation(
        "Known, and refused: a container needs no metadata.",
        storage.refused("a disk is raw blocks and has no metadata, it is ready as it is"),
        hsof=("INITIALIZE container [NODESTROY]",),
    ),
    operation(
        "Known, and refused: what it does is REDUCE, BACKUP and SET REPLACE.",
        storage.refused("a clone is made by REDUCE, BACKUP disk TO file and SET mirrorset REPLACE=disk"),
        hsof=("RUN CLONE",),
    ),
    operation(
        "Known, and refused: the first host to initialise it would bring it up again.",
        storage.refused("there is no power to turn off; DELETE takes units away"),
        hsof=("SHUTDOWN THIS_CONTROLLER",),
    ),
    operation("Explain a command.", help.explain, simh=("HELP [verb]",), hsof=("HELP [verb]",)),
)
