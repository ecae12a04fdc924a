/* xrq_stream.c: a byte stream to a controller in another process, over TCP, a Unix socket or a serial line.

   On a serial line the stream is cut into frames with a CRC-16, sent again when they get lost (go-back-N).  The rules of
   frames are in docs/buslink.md, "On a serial line".  Times are milliseconds of a clock that only goes forward.
*/

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1                           /* getaddrinfo, CRTSCTS and TIOCOUTQ under -std=c99 */
#endif

#include "xrq_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

#define DEFAULT_BAUD    9600
#define ADDRESS_BYTES   256

/* Frames */

#define FLAG            0x7E
#define ESCAPE          0x7D
#define FLIP            0x20
#define XON             0x11
#define XOFF            0x13
#define PAYLOAD_BYTES   240
#define HEADER_BYTES    2
#define CRC_BYTES       2
#define FRAME_BYTES     (HEADER_BYTES + PAYLOAD_BYTES + CRC_BYTES)
#define WINDOW          16
#define RESEND_MS       250
#define RESEND_LIMIT    40
#define ENCODED_BYTES   (2 * FRAME_BYTES + 2)   /* every byte escaped, and two flags */
#define RAW_BYTES       4096
#define RECEIVED_BYTES  (RAW_BYTES / 2)         /* decoded payload is never longer than what came */

enum { FRAME_DATA, FRAME_ACK, FRAME_AGAIN, FRAME_OPEN, FRAME_OPENED };

enum { CLOSED, OPENING, OPEN };

typedef struct {
    int length;
    unsigned char payload[PAYLOAD_BYTES];
    } FRAME;

typedef struct {
    char device[ADDRESS_BYTES];
    speed_t speed;
    unsigned session;                           /* number of this OPEN */

    FRAME window[WINDOW];                       /* what is not acknowledged; index is sequence modulo WINDOW */
    unsigned oldest;                            /* sequence of the first of these, never wrapped */
    unsigned unsent;                            /* the first that has yet to go, or to go again */
    unsigned next;                              /* behind the last */
    int resends;                                /* in a row, without progress */
    double timer;                                /* since when there was neither progress nor anything on its way out */

    unsigned expected;                          /* sequence of the next DATA, never wrapped */
    int gap;                                    /* AGAIN was sent for it */
    int acknowledge;                            /* an ACK is due */
    int repeat;                                 /* an AGAIN is due */
    unsigned char frame[FRAME_BYTES];           /* being received */
    int frame_length;                           /* -1: nothing counts before the next flag */
    int escaped;

    unsigned char received[RECEIVED_BYTES];     /* payload nobody has taken yet */
    size_t received_length;
    unsigned char outgoing[WINDOW * ENCODED_BYTES];
    size_t outgoing_start, outgoing_end;
    } LINE;

struct xrq_stream {
    int descriptor;                             /* -1: closed */
    int state;
    struct sockaddr_storage peer;
    socklen_t peer_length;
    LINE *line;                                 /* NULL: a socket, which needs no frames */
    unsigned long resent, damaged;
    char reason[XRQ_REASON_BYTES];
    };

double xrq_stream_now (void)
{
    struct timespec now;

    clock_gettime (CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

static int failed (XRQ_STREAM *stream, const char *format, ...)
{
    va_list arguments;

    va_start (arguments, format);
    vsnprintf (stream->reason, sizeof (stream->reason), format, arguments);
    va_end (arguments);
    xrq_stream_close (stream);
    return -1;
}

/* ---- addresses */

/* The text behind "scheme:" or "scheme://"; NULL when the address is of another scheme. */

static const char *behind_scheme (const char *address, const char *scheme)
{
    size_t length = strlen (scheme);

    if (strncasecmp (address, scheme, length) || address[length] != ':')
        return NULL;
    address += length + 1;
    return strncmp (address, "//", 2)? address: address + 2;
}

static int parse_tcp (XRQ_STREAM *stream, const char *text)
{
    char host[ADDRESS_BYTES];
    const char *colon = strrchr (text, ':'), *name = host;
    struct addrinfo wanted = { 0 }, *found = NULL;
    size_t length;
    int error;

    if (colon == NULL || colon[1] == 0 || (length = (size_t) (colon - text)) >= sizeof (host))
        return failed (stream, "wanted tcp:HOST:PORT");
    memcpy (host, text, length);
    host[length] = 0;
    if (host[0] == '[' && length > 1 && host[length - 1] == ']') {      /* an IPv6 address */
        host[length - 1] = 0;
        name = host + 1;
        }
    wanted.ai_socktype = SOCK_STREAM;
    error = getaddrinfo (*name? name: "127.0.0.1", colon + 1, &wanted, &found);
    if (error)
        return failed (stream, "%s", gai_strerror (error));
    memcpy (&stream->peer, found->ai_addr, found->ai_addrlen);
    stream->peer_length = found->ai_addrlen;
    freeaddrinfo (found);
    return 0;
}

static int parse_unix (XRQ_STREAM *stream, const char *text)
{
    struct sockaddr_un *peer = (struct sockaddr_un *) &stream->peer;

    if (*text == 0 || strlen (text) >= sizeof (peer->sun_path))
        return failed (stream, "wanted unix:/PATH, of at most %d characters", (int) sizeof (peer->sun_path) - 1);
    peer->sun_family = AF_UNIX;
    strcpy (peer->sun_path, text);
    stream->peer_length = sizeof (*peer);
    return 0;
}

static int speed_of (long baud, speed_t *speed)
{
    static const struct { long baud; speed_t speed; } speeds[] = {
        { 300, B300 }, { 1200, B1200 }, { 2400, B2400 }, { 4800, B4800 }, { 9600, B9600 }, { 19200, B19200 },
        { 38400, B38400 }, { 57600, B57600 }, { 115200, B115200 }, { 230400, B230400 },
#ifdef B460800
        { 460800, B460800 },
#endif
#ifdef B921600
        { 921600, B921600 },
#endif
        };
    size_t i;

    for (i = 0; i < sizeof (speeds) / sizeof (speeds[0]); i++) {
        if (speeds[i].baud == baud) {
            *speed = speeds[i].speed;
            return 1;
            }
        }
    return 0;
}

static int parse_serial (XRQ_STREAM *stream, const char *text)
{
    LINE *line = calloc (1, sizeof (LINE));
    size_t length = strcspn (text, ",?");
    const char *option = text + length, *baud = option;
    long number = DEFAULT_BAUD;

    if (line == NULL)
        return failed (stream, "no memory for a line");
    stream->line = line;
    if (length == 0 || length >= sizeof (line->device))
        return failed (stream, "wanted serial:/DEVICE[,BAUD]");
    memcpy (line->device, text, length);
    if (*option) {
        baud = option + 1;
        if (*option == '?') {
            if (strncasecmp (baud, "baud=", 5))
                return failed (stream, "wanted serial:///DEVICE?baud=BAUD; no other option is understood");
            baud += 5;
            }
        number = strtol (baud, (char **) &baud, 10);
        }
    if (*baud || !speed_of (number, &line->speed))
        return failed (stream, "no such speed of a line");
    return 0;
}

XRQ_STREAM *xrq_stream_new (const char *address, char reason[XRQ_REASON_BYTES])
{
    XRQ_STREAM *stream = calloc (1, sizeof (XRQ_STREAM));
    const char *text;
    int status;

    if (stream == NULL) {
        snprintf (reason, XRQ_REASON_BYTES, "no memory for a stream");
        return NULL;
        }
    stream->descriptor = -1;
    if ((text = behind_scheme (address, "tcp")) != NULL)
        status = parse_tcp (stream, text);
    else if ((text = behind_scheme (address, "unix")) != NULL)
        status = parse_unix (stream, text);
    else if ((text = behind_scheme (address, "serial")) != NULL)
        status = parse_serial (stream, text);
    else status = failed (stream, "wanted tcp:HOST:PORT, unix:/PATH or serial:/DEVICE[,BAUD]");
    if (status == 0)
        return stream;
    snprintf (reason, XRQ_REASON_BYTES, "%s", stream->reason);
    xrq_stream_free (stream);
    return NULL;
}

void xrq_stream_free (XRQ_STREAM *stream)
{
    xrq_stream_close (stream);
    free (stream->line);
    free (stream);
}

/* ---- sockets */

static int open_socket (XRQ_STREAM *stream)
{
    int one = 1, descriptor = socket (stream->peer.ss_family, SOCK_STREAM, 0);

    stream->descriptor = descriptor;
    if (descriptor < 0)
        return failed (stream, "%s", strerror (errno));
    fcntl (descriptor, F_SETFD, FD_CLOEXEC);
    fcntl (descriptor, F_SETFL, fcntl (descriptor, F_GETFL) | O_NONBLOCK);
    if (stream->peer.ss_family != AF_UNIX)
        setsockopt (descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof (one));
#ifdef SO_NOSIGPIPE
    setsockopt (descriptor, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof (one));
#endif
    stream->state = OPENING;
    if (connect (descriptor, (struct sockaddr *) &stream->peer, stream->peer_length) == 0)
        stream->state = OPEN;
    else if (errno != EINPROGRESS)              /* a Unix socket with a full queue says EAGAIN: try anew later */
        return failed (stream, "%s", strerror (errno));
    return 0;
}

static int socket_ready (XRQ_STREAM *stream)
{
    struct pollfd wanted = { .fd = stream->descriptor, .events = POLLOUT };
    int error = 0;
    socklen_t length = sizeof (error);

    if (poll (&wanted, 1, 0) <= 0)
        return 0;
    getsockopt (stream->descriptor, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error)
        return failed (stream, "%s", strerror (error));
    stream->state = OPEN;
    return 1;
}

static int is_transient (int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* ---- frames: encoding */

static unsigned crc_step (unsigned crc, unsigned char byte)
{
    int bit;

    crc ^= (unsigned) byte << 8;
    for (bit = 0; bit < 8; bit++)
        crc = (crc & 0x8000)? (crc << 1) ^ 0x1021: crc << 1;
    return crc & 0xFFFF;
}

static unsigned crc_of (const unsigned char *bytes, int count)
{
    unsigned crc = 0xFFFF;

    while (count-- > 0)
        crc = crc_step (crc, *bytes++);
    return crc;
}

static int has_room (const LINE *line)
{
    return sizeof (line->outgoing) - line->outgoing_end >= ENCODED_BYTES;
}

static void put_escaped (LINE *line, unsigned char byte)
{
    if (byte == FLAG || byte == ESCAPE || byte == XON || byte == XOFF) {
        line->outgoing[line->outgoing_end++] = ESCAPE;
        byte ^= FLIP;
        }
    line->outgoing[line->outgoing_end++] = byte;
}

/* Put a frame behind the outgoing bytes; the caller has seen that there is room. */

static void put_frame (LINE *line, int kind, unsigned sequence, const unsigned char *payload, int length)
{
    unsigned char frame[FRAME_BYTES];
    unsigned crc;
    int i;

    frame[0] = (unsigned char) kind;
    frame[1] = (unsigned char) sequence;
    if (length)
        memcpy (frame + HEADER_BYTES, payload, (size_t) length);
    length += HEADER_BYTES;
    crc = crc_of (frame, length);
    frame[length++] = crc & 0xFF;
    frame[length++] = (crc >> 8) & 0xFF;
    line->outgoing[line->outgoing_end++] = FLAG;
    for (i = 0; i < length; i++)
        put_escaped (line, frame[i]);
    line->outgoing[line->outgoing_end++] = FLAG;
}

static int write_out (XRQ_STREAM *stream)
{
    LINE *line = stream->line;

    while (line->outgoing_start < line->outgoing_end) {
        ssize_t count = write (stream->descriptor, line->outgoing + line->outgoing_start,
                               line->outgoing_end - line->outgoing_start);
        if (count < 0 && !is_transient (errno))
            return failed (stream, "%s", strerror (errno));
        if (count <= 0)
            break;
        line->outgoing_start += (size_t) count;
        }
    memmove (line->outgoing, line->outgoing + line->outgoing_start, line->outgoing_end - line->outgoing_start);
    line->outgoing_end -= line->outgoing_start;
    line->outgoing_start = 0;
    return 0;
}

/* Whether bytes still wait to get on the wire.  A slow line has its own buffer, and until that is empty nobody
   can have answered. */

static int is_sending (const XRQ_STREAM *stream)
{
    int waiting = 0;

    if (stream->line->outgoing_end)
        return 1;
    return ioctl (stream->descriptor, TIOCOUTQ, &waiting) == 0 && waiting > 0;
}

/* ---- frames: sending and sending again */

static void go_back (XRQ_STREAM *stream)
{
    LINE *line = stream->line;

    if ((int) (line->unsent - line->oldest) > 0)
        stream->resent += line->unsent - line->oldest;
    line->unsent = line->oldest;
}

static int resend_when_due (XRQ_STREAM *stream)
{
    LINE *line = stream->line;
    double now = xrq_stream_now ();

    if (is_sending (stream)) {
        line->timer = now;
        return 0;
        }
    if (now - line->timer < RESEND_MS)
        return 0;
    line->timer = now;
    if (stream->state == OPENING) {
        put_frame (line, FRAME_OPEN, line->session, NULL, 0);
        return 0;
        }
    if (line->oldest == line->next)
        return 0;
    if (++line->resends > RESEND_LIMIT)
        return failed (stream, "the line has been silent too long");
    go_back (stream);
    return 0;
}

static void send_due_frames (XRQ_STREAM *stream)
{
    LINE *line = stream->line;

    if (stream->state != OPEN)
        return;
    if (line->repeat && has_room (line)) {
        put_frame (line, FRAME_AGAIN, line->expected, NULL, 0);
        line->repeat = line->acknowledge = 0;   /* AGAIN acknowledges as well as ACK */
        }
    if (line->acknowledge && has_room (line)) {
        put_frame (line, FRAME_ACK, line->expected, NULL, 0);
        line->acknowledge = 0;
        }
    while (line->unsent != line->next && has_room (line)) {
        FRAME *frame = &line->window[line->unsent % WINDOW];

        put_frame (line, FRAME_DATA, line->unsent, frame->payload, frame->length);
        line->unsent++;
        }
}

static int pump_out (XRQ_STREAM *stream)
{
    if (resend_when_due (stream) < 0)
        return -1;
    send_due_frames (stream);
    return write_out (stream);
}

/* ---- frames: receiving */

/* Everything before a sequence has arrived at the other end.  Numbers that acknowledge what was never sent are old or
   wrong, and mean nothing. */

static int acknowledged (LINE *line, unsigned sequence)
{
    unsigned count = (sequence - line->oldest) & 0xFF;

    if (count > line->next - line->oldest)
        return 0;
    if (count) {
        line->oldest += count;
        line->resends = 0;
        line->timer = xrq_stream_now ();
        }
    if ((int) (line->unsent - line->oldest) < 0)
        line->unsent = line->oldest;            /* it came in spite of our going back */
    return 1;
}

static void take_data (LINE *line, unsigned sequence, const unsigned char *payload, int length)
{
    unsigned ahead = (sequence - line->expected) & 0xFF;

    if (ahead == 0 && line->received_length + (size_t) length <= sizeof (line->received)) {
        memcpy (line->received + line->received_length, payload, (size_t) length);
        line->received_length += (size_t) length;
        line->expected++;
        line->gap = 0;
        }
    else if (ahead && ahead < WINDOW && !line->gap)
        line->gap = line->repeat = 1;
    line->acknowledge = 1;                      /* also for one that came before: our ACK may have been lost */
}

static void start_session (XRQ_STREAM *stream)
{
    LINE *line = stream->line;

    stream->state = OPEN;
    line->oldest = line->unsent = line->next = line->expected = 0;
    line->gap = line->acknowledge = line->repeat = line->resends = 0;
    line->received_length = 0;
}

static void take_frame (XRQ_STREAM *stream)
{
    LINE *line = stream->line;
    int kind = line->frame[0], length = line->frame_length - HEADER_BYTES - CRC_BYTES;
    unsigned sequence = line->frame[1];

    if (line->frame_length == 0)                /* two flags in a row */
        return;
    if (length < 0 || crc_of (line->frame, line->frame_length - CRC_BYTES) !=
        (line->frame[line->frame_length - 2] | (unsigned) line->frame[line->frame_length - 1] << 8)) {
        stream->damaged++;
        return;
        }
    if (stream->state == OPENING) {
        if (kind == FRAME_OPENED && sequence == (line->session & 0xFF))
            start_session (stream);
        }
    else if (kind == FRAME_DATA)
        take_data (line, sequence, line->frame + HEADER_BYTES, length);
    else if (kind == FRAME_ACK)
        acknowledged (line, sequence);
    else if (kind == FRAME_AGAIN && acknowledged (line, sequence))
        go_back (stream);
}

static void take_raw (XRQ_STREAM *stream, unsigned char byte)
{
    LINE *line = stream->line;

    if (byte == FLAG) {
        if (line->frame_length >= 0)
            take_frame (stream);
        line->frame_length = line->escaped = 0;
        }
    else if (line->frame_length < 0)
        return;
    else if (byte == ESCAPE)
        line->escaped = FLIP;
    else if (line->frame_length == FRAME_BYTES) {
        stream->damaged++;
        line->frame_length = -1;
        }
    else {
        line->frame[line->frame_length++] = byte ^ (unsigned char) line->escaped;
        line->escaped = 0;
        }
}

static int pump_in (XRQ_STREAM *stream)
{
    LINE *line = stream->line;
    unsigned char raw[RAW_BYTES];
    size_t room = sizeof (line->received) - line->received_length;
    ssize_t count, i;

    if (room < 2 * PAYLOAD_BYTES)               /* somebody does not take what came: let the line hold it back */
        return 0;
    count = read (stream->descriptor, raw, room - PAYLOAD_BYTES);       /* a frame may have begun before */
    if (count < 0 && is_transient (errno))
        return 0;
    if (count < 0)
        return failed (stream, "%s", strerror (errno));
    for (i = 0; i < count; i++)
        take_raw (stream, raw[i]);
    return 0;
}

static int pump (XRQ_STREAM *stream)
{
    return pump_in (stream) < 0? -1: pump_out (stream);
}

/* ---- serial lines */

static int set_raw (XRQ_STREAM *stream)
{
    struct termios settings;

    if (tcgetattr (stream->descriptor, &settings) < 0)
        return failed (stream, "%s is no terminal line", stream->line->device);
    settings.c_iflag = IGNBRK | IGNPAR;
    settings.c_oflag = 0;
    settings.c_lflag = 0;
    settings.c_cflag = CS8 | CREAD | CLOCAL;
    settings.c_cc[VMIN] = 0;
    settings.c_cc[VTIME] = 0;
    cfsetispeed (&settings, stream->line->speed);
    cfsetospeed (&settings, stream->line->speed);
    if (tcsetattr (stream->descriptor, TCSANOW, &settings) < 0)
        return failed (stream, "%s", strerror (errno));
    return 0;
}

/* A number for OPEN, unlike the last; what another run used last nobody knows. */

static unsigned next_session (void)
{
    static unsigned session;

    if (session == 0)
        session = (unsigned) getpid () ^ (unsigned) (long) xrq_stream_now ();
    return ++session;
}

static int open_line (XRQ_STREAM *stream)
{
    LINE *line = stream->line;

    stream->descriptor = open (line->device, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (stream->descriptor < 0)
        return failed (stream, "%s", strerror (errno));
    if (set_raw (stream) < 0)
        return -1;
    stream->state = OPENING;
    line->session = next_session ();
    line->frame_length = -1;
    line->escaped = 0;
    line->outgoing_start = line->outgoing_end = 0;
    line->received_length = 0;
    line->timer = xrq_stream_now () - RESEND_MS;
    return pump (stream);
}

static long send_on_line (XRQ_STREAM *stream, const unsigned char *bytes, size_t count)
{
    LINE *line = stream->line;
    size_t taken = 0;

    while (taken < count && line->next - line->oldest < WINDOW) {
        FRAME *frame = &line->window[line->next % WINDOW];

        frame->length = (int) (count - taken < PAYLOAD_BYTES? count - taken: PAYLOAD_BYTES);
        memcpy (frame->payload, bytes + taken, (size_t) frame->length);
        taken += (size_t) frame->length;
        if (line->oldest == line->next)
            line->timer = xrq_stream_now ();
        line->next++;
        }
    return pump_out (stream) < 0? -1: (long) taken;
}

static long receive_on_line (XRQ_STREAM *stream, unsigned char *bytes, size_t room)
{
    LINE *line = stream->line;
    size_t count;

    if (pump (stream) < 0)
        return -1;
    count = line->received_length < room? line->received_length: room;
    memcpy (bytes, line->received, count);
    line->received_length -= count;
    memmove (line->received, line->received + count, line->received_length);
    return (long) count;
}

/* ---- either */

int xrq_stream_open (XRQ_STREAM *stream)
{
    xrq_stream_close (stream);
    return stream->line? open_line (stream): open_socket (stream);
}

int xrq_stream_ready (XRQ_STREAM *stream)
{
    if (stream->state == CLOSED)
        return -1;
    if (stream->state == OPENING) {
        if (stream->line == NULL)
            return socket_ready (stream);
        if (pump (stream) < 0)
            return -1;
        }
    return stream->state == OPEN;
}

void xrq_stream_close (XRQ_STREAM *stream)
{
    if (stream->descriptor >= 0)
        close (stream->descriptor);
    stream->descriptor = -1;
    stream->state = CLOSED;
}

long xrq_stream_send (XRQ_STREAM *stream, const unsigned char *bytes, size_t count)
{
    ssize_t taken;

    if (stream->state != OPEN)
        return -1;
    if (stream->line)
        return send_on_line (stream, bytes, count);
    taken = send (stream->descriptor, bytes, count, MSG_NOSIGNAL);
    if (taken >= 0)
        return (long) taken;
    return is_transient (errno)? 0: failed (stream, "%s", strerror (errno));
}

long xrq_stream_receive (XRQ_STREAM *stream, unsigned char *bytes, size_t room)
{
    ssize_t count;

    if (stream->state != OPEN)
        return -1;
    if (stream->line)
        return receive_on_line (stream, bytes, room);
    count = recv (stream->descriptor, bytes, room, 0);
    if (count > 0)
        return (long) count;
    if (count == 0)
        return failed (stream, "the peer has closed the connection");
    return is_transient (errno)? 0: failed (stream, "%s", strerror (errno));
}

void xrq_stream_wait (XRQ_STREAM *stream, int sending, double milliseconds)
{
    struct pollfd wanted = { .fd = stream->descriptor, .events = POLLIN };
    LINE *line = stream->line;

    if (stream->state == CLOSED || milliseconds <= 0)
        return;
    if (line == NULL && (sending || stream->state == OPENING))
        wanted.events |= POLLOUT;
    if (line && line->outgoing_end)
        wanted.events |= POLLOUT;
    if (line && milliseconds > RESEND_MS / 5)
        milliseconds = RESEND_MS / 5;           /* frames have their own clock */
    poll (&wanted, 1, (int) milliseconds + 1);
}

/* A socket that is closed with bytes unread may take back what it has sent: read until the peer closes too. */

static void drain_socket (XRQ_STREAM *stream, double end)
{
    unsigned char unwanted[RAW_BYTES];

    shutdown (stream->descriptor, SHUT_WR);
    while (xrq_stream_receive (stream, unwanted, sizeof (unwanted)) >= 0 && xrq_stream_now () < end)
        xrq_stream_wait (stream, 0, end - xrq_stream_now ());
}

static void drain_line (XRQ_STREAM *stream, double end)
{
    LINE *line = stream->line;

    while (line->oldest != line->next && xrq_stream_now () < end) {
        line->received_length = 0;              /* nobody wants it any more */
        if (pump (stream) < 0)
            return;
        xrq_stream_wait (stream, 1, RESEND_MS / 5);
        }
}

void xrq_stream_drain (XRQ_STREAM *stream, double milliseconds)
{
    double end = xrq_stream_now () + milliseconds;

    if (stream->state != OPEN)
        return;
    if (stream->line)
        drain_line (stream, end);
    else drain_socket (stream, end);
}

const char *xrq_stream_reason (const XRQ_STREAM *stream)
{
    return stream->reason;
}

unsigned long xrq_stream_resent (const XRQ_STREAM *stream)
{
    return stream->resent;
}

unsigned long xrq_stream_damaged (const XRQ_STREAM *stream)
{
    return stream->damaged;
}
