"""The arguments of `hbvs console`."""

from argparse import ArgumentParser, BooleanOptionalAction

from emu.shells.trace_file import add_trace_argument

DEFAULT_CONTROLLER = "hbvs-shadow"
DEFAULT_NODES = "alpha:ALPHA1"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `hbvs console`."""
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="raw disk images, units DUA10, DUA11, ...")
    parser.add_argument(
        "--unit",
        action="append",
        default=[],
        metavar="DUA10=PATH[,drive=RA92][,ro][,mechanics]",
        help="an image under a unit number; DUB0 is on the second controller, DKA100 on a SCSI bus: target 1, unit 00",
    )
    parser.add_argument(
        "--new",
        action="append",
        default=[],
        metavar="PATH=RA92|SIZE",
        help="make a new sparse image and attach it: of a drive's size or of 100M, 2G, 204800 (blocks)",
    )
    parser.add_argument(
        "--controller",
        action="append",
        metavar="NAME|FILE.fw",
        help=f"firmware of a controller, {DEFAULT_CONTROLLER} by default; once for each controller",
    )
    parser.add_argument(
        "--nodes",
        default=DEFAULT_NODES,
        metavar="alpha:NAME,vax:NAME",
        help=f"the nodes, {DEFAULT_NODES} by default; the console begins on the first",
    )
    parser.add_argument(
        "--satellite",
        action="append",
        default=[],
        metavar="NODE",
        help="one of the nodes that has no controller: it reaches the disks that other nodes serve",
    )
    parser.add_argument(
        "--sysgen",
        action="append",
        default=[],
        metavar="[NODE:]NAME=VALUE",
        help="a system parameter of a node, or of all, from their first boot on; MSCP_LOAD=1 and MSCP_SERVE_ALL=1 "
        "serve its disks to the other nodes",
    )
    parser.add_argument(
        "--mechanics",
        action=BooleanOptionalAction,
        help="let drives take their time (virtual time; the default for the disks made without any IMAGE)",
    )
    parser.add_argument(
        "-c", "--command", metavar="COMMANDS", help="carry out commands, separated by semicolons, and end"
    )
    parser.add_argument("--script", metavar="FILE", help="carry out the commands in a file, and end")
    parser.add_argument("--verify", action="store_true", help="show the commands of a script, as SET VERIFY")
    parser.add_argument(
        "--keep-going",
        action="store_true",
        help="go on after a command that failed; without a terminal the first ends the script",
    )
    parser.add_argument(
        "--listen",
        action="append",
        default=[],
        metavar="URL",
        help="a console for whoever comes there, too: telnet://:2323, tcp://HOST:PORT, unix:///PATH, pty:, "
        "serial:///dev/ttyS0?baud=9600; without a terminal it serves until it is interrupted",
    )
    parser.add_argument(
        "--connect",
        action="append",
        default=[],
        metavar="URL",
        help="a console on a line that another program listens on, a terminal line of a simulator for one",
    )
    parser.add_argument(
        "--password-file",
        metavar="FILE",
        help="its first line is the password of these consoles; needed where other machines can come",
    )
    _add_cluster_arguments(parser)
    add_trace_argument(parser)


def _add_cluster_arguments(parser: ArgumentParser) -> None:
    cluster = parser.add_argument_group(
        "cluster",
        "nodes in several processes; images are shared with the other processes of the cluster, unless a node of "
        "this one serves them",
    )
    cluster.add_argument(
        "--cluster",
        action="append",
        default=[],
        metavar="tcp://HOST:PORT",
        help="bridge the LAN to that of another process, which listens there",
    )
    cluster.add_argument(
        "--cluster-listen", action="append", default=[], metavar="tcp://HOST:PORT", help="let others do so"
    )
    cluster.add_argument(
        "--cluster-group", type=int, default=1, metavar="N", help="cluster group number, 1 to 4095"
    )
    cluster.add_argument(
        "--cluster-password-file", metavar="FILE", help="its first line is the cluster password; needed"
    )
    cluster.add_argument(
        "--expected-votes",
        type=int,
        default=0,
        metavar="N",
        help="EXPECTED_VOTES: an Alpha has 2 votes, a VAX 1; count those of all processes, or two halves "
        "may each take themselves for the cluster",
    )
