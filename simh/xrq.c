/* xrq.c: the host's end of the bus link, as a device of SIMH's PDP-11 and VAX simulators

   XRQ, XRQB, XRQC and XRQD stand on the bus where a UQSSP controller (RQDX3, KDA50, UDA50) would.  The controller itself
   is another process.  Register accesses, DMA, interrupts and resets go there and come from there as messages; their
   rules and layouts are in docs/buslink.md.  How to build and use it is in README.md.

   Compiles in SIMH 3.8 and 4.  Times of the simulator are instructions, times of the wall are milliseconds.
*/

#if defined (VM_VAX)
#include "vax_defs.h"
#else
#include "pdp11_defs.h"
#endif
#include "xrq.h"
#include "xrq_stream.h"

#include <ctype.h>
#include <stdarg.h>

#ifndef SIM_MAJOR                                       /* SIMH 4 says what it is */
#define SIM_MAJOR       3
#define CONST                                           /* and has constant strings */
#endif

#define XRQS            4                               /* controllers */
#define REGISTERS       2                               /* IP and SA */
#define IP              0
#define SA              1
#define FATAL_ERROR     0100014                         /* what SA shows when the peer is lost */
#define VECTOR_MASK     0774                            /* vectors a UQSSP controller can be given */
#define OWN             0x80000000u
#define PACKET_BYTES    64
#define ENVELOPE_BYTES  4                               /* of a packet, before the text its descriptor points at */

/* The link */

#define VERSION         1
#define HEADER_BYTES    24
#define HELLO_BYTES     64
#define NAME_BYTES      32
#define EXTENT_BYTES    8
#define WATCH_BYTES     12
#define DATA_LIMIT      (1u << 20)                      /* bytes of data in a message */
#define ROOM_IN         (2u * DATA_LIMIT)
#define ROOM_OUT        (4u * DATA_LIMIT)

enum {
    HELLO = 1, GOODBYE, HOST_WRITE, HOST_READ, HOST_RESET, HOST_TICK, DMA_DATA, DMA_DONE, GRANTED,
    ANSWER, SHADOW, WATCH, DMA_READ, DMA_WRITE, ANNOUNCE, INTERRUPT, WITHDRAW, CALL
    };

enum { FLAG_WAIT = 1, FLAG_NONEXISTENT = 2 };
enum { TELL_READ = 1, WAIT_WRITE = 2, RESETS = 4 };     /* Access */
enum { BUS_UNIBUS, BUS_QBUS };
enum { POSTED, FROZEN };
enum { WATCHES_BYTES, WATCHES_PACKETS };

/* Times */

#define POLL_DEFAULT    250                             /* instructions between looks at the stream */
#define IDLE_DEFAULT    50000                           /* the same, when nothing has been going on */
#define BUSY_POLLS      2000                            /* so many looks in vain, and nothing is going on */
#define TIMEOUT_DEFAULT 5                               /* seconds */
#define RECONNECT_MS    1000
#define FAREWELL_MS     500                             /* for GOODBYE to arrive */

/* Debug */

#define TRACE_REGISTERS 0x1
#define TRACE_MESSAGES  0x2
#define TRACE_PEER      0x4

#if SIM_MAJOR < 4
#define TRACE(x, mask, ...) \
    do { \
        if (sim_deb && ((x)->device->dctrl & (mask))) \
            fprintf (sim_deb, ">>XRQ: " __VA_ARGS__); \
        } while (0)
extern FILE *sim_deb, *sim_log;
extern int32 sim_switches, sim_end;
extern char sim_name[];
#else
#define TRACE(x, mask, ...) sim_debug (mask, (x)->device, __VA_ARGS__)
#endif

extern int32 int_req[IPL_HLVL];
extern UNIT cpu_unit;

/* Where bus addresses lead */

#if !defined (VM_VAX)
#if SIM_MAJOR < 4
extern int32 cpu_opt;
#endif
extern uint16 *M;
#define ON_UNIBUS       (UNIBUS != 0)
#define ON_A_MAP        (ON_UNIBUS && CPUO (OPT_UBM))
#elif defined (VAX_780) || defined (VAX_730) || defined (VAX_750) || defined (VAX_820) || defined (VAX_860)
t_bool uba_map_addr_c (uint32 address, uint32 *memory_address);
#define MAP_ADDRESS     uba_map_addr_c
#define ON_UNIBUS       TRUE
#define ON_A_MAP        TRUE
#elif defined (VAX_610)
#define ON_UNIBUS       FALSE
#define ON_A_MAP        FALSE
#else
t_bool qba_map_addr_c (uint32 address, uint32 *memory_address);
#define MAP_ADDRESS     qba_map_addr_c
#define ON_UNIBUS       FALSE
#define ON_A_MAP        TRUE
#endif

#define UNIBUS_BYTES    0x40000u
#define QBUS_BYTES      0x400000u
#define IO_PAGE_BYTES   0x2000u

/* All controllers share one interrupt slot, on the level of RQ.  Of 32 slots a level the last is free everywhere. */

#define SLOT            31
#define SLOT_BIT        ((int32) (1u << SLOT))
#define SLOT_VECTOR     (IPL_RQ * 32 + SLOT)

#if SIM_MAJOR < 4
#define VECTOR_BASE     VEC_Q                           /* a Q-bus VAX adds 200 (16) to the vector of a device */
#else
#define VECTOR_BASE     0                               /* SIMH 4 does so in its interrupt tables */
#if defined (VEC_SET)
#if VEC_SET != 0
extern int32 int_vec_set[IPL_HLVL][32];
#define HAS_VECTOR_TABLE 1
#endif
#endif
#endif

typedef struct {
    uint16 word;
    uint8 access;
    t_bool known;                                       /* the peer has told us, in this connection */
    } REGISTER;

typedef struct {
    t_uint64 messages_out, messages_in, bytes_out, bytes_in;
    t_uint64 reads, dma_in, dma_out, stale, waits;
    double waited_ms, longest_wait_ms;
    uint32 connections;
    unsigned long resent_before, damaged_before;
    } STATISTICS;

/* A controller goes   IDLE -attach-> LOST -once a second-> OPENING -> GREETING -HELLO, SHADOWs-> READY -loss-> LOST
   and from all of them by detach to IDLE. */

enum { IDLE, LOST, OPENING, GREETING, READY };

typedef struct {
    DEVICE *device;
    UNIT *unit;                                         /* looks at the stream; what a user attaches */
    UNIT *timer;                                        /* CALL and TICK */
    XRQ_STREAM *stream;
    int state;
    double since;                                       /* when the state began */
    char reason[XRQ_REASON_BYTES];                      /* of the last loss, or why there is no connection */
    char name[NAME_BYTES + 1];                          /* the peer's, from its HELLO */

    int32 mode;
    int32 timeout;                                      /* seconds */
    int32 poll, idle;                                   /* instructions */
    int32 boot_unit;                                    /* MSCP unit number that BOOT reads from */
    int32 quiet;                                        /* looks in vain since something last happened */

    REGISTER registers[REGISTERS];
    t_bool failed;                                      /* SA shows the loss until the host starts anew */
    uint16 epoch;
    t_bool requested;                                   /* interrupt */
    uint16 vector;                                      /* last of this epoch, 0: none yet */
    double due;                                         /* when to send TICK, in instructions */
    uint8 *watches;                                     /* as they came; packets and bytes they cover at most */
    uint32 watches_length, watched_bytes;

    uint32 sent, applied, answered;                     /* messages; the last of ours that was answered */
    uint8 *in, *out;
    uint32 in_start, in_end;
    uint32 out_start, out_end, out_due;                 /* due: up to there it is to be sent now */
    uint32 out_message;                                 /* header of the message being made */
    STATISTICS statistics;
    } XRQ;

static XRQ xrqs[XRQS];

static void lose (XRQ *x, const char *reason);
static void leave (XRQ *x, const char *reason);

/* ---- bytes: everything on the link is little-endian */

static uint32 get_16 (const uint8 *p)
{
    return (uint32) p[0] | (uint32) p[1] << 8;
}

static uint32 get_32 (const uint8 *p)
{
    return get_16 (p) | get_16 (p + 2) << 16;
}

static void put_16 (uint8 *p, uint32 value)
{
    p[0] = value & 0xFF;
    p[1] = (value >> 8) & 0xFF;
}

static void put_32 (uint8 *p, uint32 value)
{
    put_16 (p, value);
    put_16 (p + 2, value >> 16);
}

/* ---- telling people */

static void say (XRQ *x, const char *format, ...)
{
    char text[2 * XRQ_REASON_BYTES];
    va_list arguments;

    va_start (arguments, format);
    vsnprintf (text, sizeof (text), format, arguments);
    va_end (arguments);
#if SIM_MAJOR < 4
    printf ("%s: %s\r\n", x->device->name, text);       /* the terminal is raw while the simulator runs */
    if (sim_log)
        fprintf (sim_log, "%s: %s\n", x->device->name, text);
#else
    sim_printf ("%s: %s\r\n", x->device->name, text);
#endif
}

/* ---- memory, as the bus sees it */

/* Whether memory may be looked at without anybody noticing.  A map answers an address it does not lead anywhere with error
   bits and interrupts, which a real controller would not have caused. */

static t_bool is_readable (uint32 address, uint32 length)
{
#if defined (MAP_ADDRESS)
    uint32 page, memory_address;

    for (page = address & ~(VA_PAGSIZE - 1u); page < address + length; page += VA_PAGSIZE) {
        if (!MAP_ADDRESS (page, &memory_address) || !ADDR_IS_MEM (memory_address))
            return FALSE;
        }
#else
    (void) address;
    (void) length;
#endif
    return TRUE;
}

/* Words go faster than bytes, where everything is even and the simulating machine has the order of the link. */

static t_bool goes_by_words (uint32 address, uint32 length, const uint8 *bytes)
{
    return sim_end && ((address | length | (uint32) (size_t) bytes) & 1) == 0;
}

static uint32 read_memory (uint32 address, uint32 length, uint8 *bytes)
{
    int32 left;

    if (goes_by_words (address, length, bytes))
        left = Map_ReadW (address, (int32) length, (uint16 *) (void *) bytes);
    else left = Map_ReadB (address, (int32) length, bytes);
    return length - (uint32) left;
}

static uint32 write_memory (uint32 address, uint32 length, uint8 *bytes)
{
    int32 left;

    if (goes_by_words (address, length, bytes))
        left = Map_WriteW (address, (int32) length, (uint16 *) (void *) bytes);
    else left = Map_WriteB (address, (int32) length, bytes);
    return length - (uint32) left;
}

/* Memory from bus address 0 on without a gap; 0 where a map stands before it. */

static uint32 memory_bytes (void)
{
    uint32 limit = (ON_UNIBUS? UNIBUS_BYTES: QBUS_BYTES) - IO_PAGE_BYTES;

    if (ON_A_MAP)
        return 0;
    return (uint32) MEMSIZE < limit? (uint32) MEMSIZE: limit;
}

static uint32 csr_address (const XRQ *x)
{
    const DIB *dib = (const DIB *) x->device->ctxt;

    return (ON_UNIBUS? UNIBUS_BYTES: QBUS_BYTES) - IO_PAGE_BYTES + (dib->ba & (IO_PAGE_BYTES - 1));
}

/* ---- messages out */

/* Send what is due, as far as it goes without waiting. */

static void push (XRQ *x)
{
    long count;

    while (x->state >= GREETING && x->out_start < x->out_due) {
        count = xrq_stream_send (x->stream, x->out + x->out_start, x->out_due - x->out_start);
        if (count < 0)
            lose (x, xrq_stream_reason (x->stream));
        if (count <= 0)
            return;
        x->out_start += (uint32) count;
        x->statistics.bytes_out += (t_uint64) count;
        }
    if (x->out_start == x->out_end)
        x->out_start = x->out_end = x->out_due = 0;
}

/* Take in what has come, as far as there is room; returns how much that was. */

static uint32 pull (XRQ *x)
{
    long count;

    if (x->in_start == x->in_end)
        x->in_start = x->in_end = 0;
    if (x->state < GREETING || x->in_end == ROOM_IN)
        return 0;
    count = xrq_stream_receive (x->stream, x->in + x->in_end, ROOM_IN - x->in_end);
    if (count < 0) {
        lose (x, xrq_stream_reason (x->stream));
        return 0;
        }
    x->in_end += (uint32) count;
    x->statistics.bytes_in += (t_uint64) count;
    return (uint32) count;
}

static t_bool has_room_out (XRQ *x, uint32 bytes)
{
    if (ROOM_OUT - x->out_end >= bytes)
        return TRUE;
    memmove (x->out, x->out + x->out_start, x->out_end - x->out_start);
    x->out_end -= x->out_start;
    x->out_due -= x->out_start;
    x->out_start = 0;
    return ROOM_OUT - x->out_end >= bytes;
}

/* Make room for a message.  A peer that does not read because it waits until we do is helped by reading, without
   applying: this may be called from amidst a message. */

static t_bool make_room (XRQ *x, uint32 bytes)
{
    double end;

    if (has_room_out (x, bytes))
        return TRUE;
    end = xrq_stream_now () + 1000.0 * x->timeout;
    x->out_due = x->out_end;
    while (x->state >= GREETING) {
        push (x);
        if (x->state >= GREETING && has_room_out (x, bytes))
            return TRUE;
        pull (x);
        if (x->state >= GREETING && xrq_stream_now () >= end)
            lose (x, "the peer takes nothing any more");
        if (x->state >= GREETING)
            xrq_stream_wait (x->stream, 1, end - xrq_stream_now ());
        }
    return FALSE;
}

/* Begin a message with at most `room` bytes of data and return where they go; NULL when there is no peer any more.  end_message
   says how many they are. */

static uint8 *begin_message (XRQ *x, int kind, int flags, uint32 address, uint32 value, uint32 room)
{
    uint8 *header;

    if (x->state < GREETING || !make_room (x, HEADER_BYTES + room))
        return NULL;
    x->out_message = x->out_end;
    header = x->out + x->out_end;
    header[0] = (uint8) kind;
    header[1] = (uint8) flags;
    put_16 (header + 2, x->epoch);
    put_32 (header + 8, address);
    put_32 (header + 12, value);
    put_32 (header + 16, x->applied);
    put_32 (header + 20, (uint32) (t_uint64) sim_gtime ());
    return header + HEADER_BYTES;
}

static uint32 end_message (XRQ *x, uint32 length)
{
    uint8 *header = x->out + x->out_message;

    put_32 (header + 4, length);
    x->out_end = x->out_message + HEADER_BYTES + length;
    x->statistics.messages_out++;
    TRACE (x, TRACE_MESSAGES, "%s > kind %d flags %X epoch %d address %X value %X, %d bytes\n", x->device->name,
           header[0], header[1], x->epoch, get_32 (header + 8), get_32 (header + 12), length);
    return ++x->sent;
}

static uint32 put_message (XRQ *x, int kind, int flags, uint32 address, uint32 value)
{
    return begin_message (x, kind, flags, address, value, 0)? end_message (x, 0): 0;
}

static void send_all (XRQ *x)
{
    x->out_due = x->out_end;
    push (x);
}

/* ---- interrupts */

static void update_request (void)
{
    int i;

    int_req[IPL_RQ] &= ~SLOT_BIT;
    for (i = 0; i < XRQS; i++) {
        if (xrqs[i].requested)
            int_req[IPL_RQ] |= SLOT_BIT;
        }
}

static void request (XRQ *x, uint32 vector)
{
    x->vector = (uint16) vector;
    x->requested = TRUE;
    int_req[IPL_RQ] |= SLOT_BIT;
}

static void withdraw (XRQ *x)
{
    x->requested = FALSE;
    update_request ();
}

/* The processor takes an interrupt of our slot.  GRANTED is not due: it goes with the next message. */

static int32 acknowledge (void)
{
    int i;

    for (i = 0; i < XRQS; i++) {
        XRQ *x = &xrqs[i];

        if (x->requested) {
            withdraw (x);
            TRACE (x, TRACE_REGISTERS, "%s interrupt, vector %o\n", x->device->name, x->vector);
            if (x->state == READY && !x->failed)
                put_message (x, GRANTED, 0, 0, x->vector);
            return x->vector + VECTOR_BASE;
            }
        }
    return 0;                                           /* withdrawn in the last moment: a passive release */
}

/* ---- epochs */

static void begin_epoch (XRQ *x)
{
    int i;

    x->failed = FALSE;
    if (x->state == READY) {
        x->epoch++;
        for (i = 0; i < REGISTERS; i++)
            x->registers[i].word = 0;
        }
    x->watches_length = x->watched_bytes = 0;
    x->vector = 0;
    withdraw (x);
    sim_cancel (x->timer);
}

/* ---- messages in

   Each of these applies one message, whole, and returns FALSE when its data does not fit its kind. */

/* Check a list of extents with bytes before any of it is used. */

static t_bool are_extents (const uint8 *data, uint32 length)
{
    while (length) {
        uint32 bytes;

        if (length < EXTENT_BYTES)
            return FALSE;
        bytes = get_32 (data + 4);
        if (bytes > length - EXTENT_BYTES)
            return FALSE;
        data += EXTENT_BYTES + bytes;
        length -= EXTENT_BYTES + bytes;
        }
    return TRUE;
}

/* Write extents in order; FALSE, and the address, when memory did not answer. */

static t_bool write_extents (XRQ *x, uint8 *data, uint32 length, uint32 *failing)
{
    while (length) {
        uint32 address = get_32 (data), bytes = get_32 (data + 4), done;

        done = write_memory (address, bytes, data + EXTENT_BYTES);
        x->statistics.dma_in += done;
        if (done < bytes) {
            *failing = address + done;
            return FALSE;
            }
        data += EXTENT_BYTES + bytes;
        length -= EXTENT_BYTES + bytes;
        }
    return TRUE;
}

static t_bool apply_hello (XRQ *x, const uint8 *data, uint32 length)
{
    int i;

    if (x->state != GREETING || x->name[0] || length != HELLO_BYTES || memcmp (data, "HBVS", 4))
        return FALSE;
    if (get_16 (data + 4) != VERSION) {
        leave (x, "version 1 of the bus link is spoken here");
        return TRUE;
        }
    memcpy (x->name, data + 32, NAME_BYTES);
    for (i = 0; i < NAME_BYTES && x->name[i]; i++) {
        if (!isprint ((unsigned char) x->name[i]))
            x->name[i] = '?';
        }
    if (x->name[0] == 0)
        strcpy (x->name, "?");                          /* a name says also that HELLO has come */
    return TRUE;
}

static t_bool apply_goodbye (XRQ *x, const uint8 *data, uint32 length)
{
    char text[XRQ_REASON_BYTES] = "the peer has left: ";
    size_t end = strlen (text);

    for ( ; length && end < sizeof (text) - 1; length--, data++)
        text[end++] = isprint (*data)? (char) *data: '?';
    text[end] = 0;
    lose (x, text);
    return TRUE;
}

static t_bool apply_shadow (XRQ *x, int flags, uint32 offset, uint32 word)
{
    REGISTER *shadowed = &x->registers[(offset >> 1) % REGISTERS];

    if ((offset & 1) || offset >= 2 * REGISTERS || word > 0xFFFF)
        return FALSE;
    shadowed->word = (uint16) word;
    shadowed->access = (uint8) flags;
    shadowed->known = TRUE;
    return TRUE;
}

/* Keep the watches, and how much a READ will have to carry for them at most. */

static t_bool apply_watch (XRQ *x, const uint8 *data, uint32 length)
{
    t_uint64 covered = 0;
    uint32 i;
    uint8 *kept;

    if (length % WATCH_BYTES)
        return FALSE;
    for (i = 0; i < length; i += WATCH_BYTES) {
        uint32 kind = get_16 (data + i), bytes = get_32 (data + i + 8);

        if (kind == WATCHES_BYTES)
            covered += EXTENT_BYTES + (t_uint64) bytes;
        else if (kind == WATCHES_PACKETS)
            covered += (t_uint64) (bytes / 4) * (EXTENT_BYTES + PACKET_BYTES);
        else return FALSE;
        }
    if (covered > DATA_LIMIT)
        return FALSE;
    kept = (uint8 *) realloc (x->watches, length + 1);
    if (kept == NULL)
        return FALSE;
    memcpy (kept, data, length);
    x->watches = kept;
    x->watches_length = length;
    x->watched_bytes = (uint32) covered;
    return TRUE;
}

static t_bool apply_dma_read (XRQ *x, uint32 tag, const uint8 *data, uint32 length)
{
    t_uint64 wanted = 0;
    uint32 i, count = 0;
    uint8 *room;

    if (length % EXTENT_BYTES)
        return FALSE;
    for (i = 0; i < length; i += EXTENT_BYTES)
        wanted += get_32 (data + i + 4);
    if (wanted > DATA_LIMIT)
        return FALSE;
    room = begin_message (x, DMA_DATA, 0, 0, tag, (uint32) wanted);
    if (room == NULL)
        return TRUE;                                    /* lost meanwhile */
    for (i = 0; i < length; i += EXTENT_BYTES) {
        uint32 address = get_32 (data + i), bytes = get_32 (data + i + 4);
        uint32 done = read_memory (address, bytes, room + count);

        count += done;
        if (done < bytes) {
            room[1 - HEADER_BYTES] = FLAG_NONEXISTENT;
            put_32 (room + 8 - HEADER_BYTES, address + done);
            break;
            }
        }
    x->statistics.dma_out += count;
    end_message (x, count);
    return TRUE;
}

static t_bool apply_dma_write (XRQ *x, int flags, uint32 tag, uint8 *data, uint32 length)
{
    uint32 failing = 0;
    t_bool wanted = (flags & FLAG_WAIT) != 0;

    if (!are_extents (data, length))
        return FALSE;
    if (!write_extents (x, data, length, &failing))
        put_message (x, DMA_DONE, FLAG_NONEXISTENT, failing, wanted? tag: 0);
    else if (wanted)
        put_message (x, DMA_DONE, 0, 0, tag);
    return TRUE;
}

/* Nobody but us can look at a descriptor and act on it in one go: the processor stands still just now. */

static t_bool apply_announce (XRQ *x, uint32 address, uint32 vector, uint8 *data, uint32 length)
{
    uint8 longword[4];
    uint32 failing = 0;

    if (!are_extents (data, length) || (vector & ~VECTOR_MASK))
        return FALSE;
    if (read_memory (address, sizeof (longword), longword) < sizeof (longword))
        put_message (x, DMA_DONE, FLAG_NONEXISTENT, address, 0);
    else if (get_32 (longword) & OWN) {
        if (!write_extents (x, data, length, &failing))
            put_message (x, DMA_DONE, FLAG_NONEXISTENT, failing, 0);
        if (vector)
            request (x, vector);
        }
    return TRUE;
}

static t_bool apply_interrupt (XRQ *x, uint32 vector)
{
    if (vector == 0 || (vector & ~VECTOR_MASK))
        return FALSE;
    request (x, vector);
    return TRUE;
}

static void start_timer (XRQ *x)
{
    double wait = x->due - sim_gtime ();

    sim_cancel (x->timer);
    sim_activate (x->timer, wait < 1.0? 1: wait > 1e9? 1000000000: (int32) wait);
}

static t_bool apply_call (XRQ *x, uint32 instructions)
{
    sim_cancel (x->timer);
    if (instructions) {
        x->due = sim_gtime () + instructions;
        start_timer (x);
        }
    return TRUE;
}

/* Kinds that belong to an epoch. */

static t_bool apply_of_epoch (XRQ *x, int kind, int flags, uint32 address, uint32 value, uint8 *data, uint32 length)
{
    switch (kind) {

        case WATCH:
            return apply_watch (x, data, length);

        case DMA_READ:
            return apply_dma_read (x, value, data, length);

        case DMA_WRITE:
            return apply_dma_write (x, flags, value, data, length);

        case ANNOUNCE:
            return apply_announce (x, address, value, data, length);
            }
    if (length)                                         /* the rest has no data */
        return FALSE;
    switch (kind) {

        case SHADOW:
            return apply_shadow (x, flags, address, value);

        case INTERRUPT:
            return apply_interrupt (x, value);

        case WITHDRAW:
            withdraw (x);
            return TRUE;

        case CALL:
            return apply_call (x, value);
            }
    return FALSE;
}

static t_bool apply (XRQ *x, uint8 *header, uint32 length)
{
    int kind = header[0];
    uint8 *data = header + HEADER_BYTES;

    TRACE (x, TRACE_MESSAGES, "%s < kind %d flags %X epoch %d address %X value %X, %d bytes\n", x->device->name,
           kind, header[1], get_16 (header + 2), get_32 (header + 8), get_32 (header + 12), length);
    if (kind == HELLO)
        return apply_hello (x, data, length);
    if (kind == GOODBYE)
        return apply_goodbye (x, data, length);
    if (x->name[0] == 0)                                /* a conversation begins with HELLO */
        return FALSE;
    if (kind == ANSWER) {
        x->answered = get_32 (header + 12);
        return length == 0;
        }
    if (kind < SHADOW || kind > CALL)
        return FALSE;
    if (get_16 (header + 2) != x->epoch) {
        x->statistics.stale++;
        return TRUE;
        }
    return apply_of_epoch (x, kind, header[1], get_32 (header + 8), get_32 (header + 12), data, length);
}

/* Apply the messages that are whole; returns how many they were. */

static uint32 apply_all (XRQ *x)
{
    uint32 applied = 0;

    while (x->state >= GREETING && x->in_end - x->in_start >= HEADER_BYTES) {
        uint8 *header = x->in + x->in_start;
        uint32 length = get_32 (header + 4);

        if (length > DATA_LIMIT) {
            leave (x, "a message is longer than any can be");
            break;
            }
        if (x->in_end - x->in_start < HEADER_BYTES + length) {
            if (ROOM_IN - x->in_start < HEADER_BYTES + length) {        /* its end would find no room */
                memmove (x->in, header, x->in_end - x->in_start);
                x->in_end -= x->in_start;
                x->in_start = 0;
                }
            break;
            }
        x->applied++;
        x->statistics.messages_in++;
        applied++;
        if (!apply (x, header, length))
            leave (x, "a message makes no sense");
        if (x->state >= GREETING)
            x->in_start += HEADER_BYTES + length;
        }
    if (applied && x->state >= GREETING)
        send_all (x);                                   /* what applying has answered */
    return applied;
}

/* Receive and apply what has come; returns how many messages.  Once only: a peer that talks without end must not stop the
   simulator. */

static uint32 exchange (XRQ *x)
{
    push (x);
    return pull (x)? apply_all (x): 0;
}

/* Wait for something while the processor stands still; messages are applied and answered as ever. */

static void wait_until (XRQ *x, t_bool (*arrived) (XRQ *x, uint32 what), uint32 what)
{
    double end = xrq_stream_now () + 1000.0 * x->timeout;

    while (exchange (x), x->state >= GREETING && !arrived (x, what)) {
        if (xrq_stream_now () >= end)
            lose (x, "the peer did not answer in time");
        else xrq_stream_wait (x->stream, x->out_start < x->out_due, end - xrq_stream_now ());
        }
}

static t_bool is_answered (XRQ *x, uint32 number)
{
    return (int32) (x->answered - number) >= 0;
}

static void wait_for_answer (XRQ *x, uint32 number)
{
    STATISTICS *s = &x->statistics;
    double began = xrq_stream_now (), taken;

    if (number == 0 || x->state < GREETING)             /* it was lost before it was said */
        return;
    wait_until (x, is_answered, number);
    taken = xrq_stream_now () - began;
    s->waits++;
    s->waited_ms += taken;
    if (taken > s->longest_wait_ms)
        s->longest_wait_ms = taken;
}

/* ---- the connection */

static void enter (XRQ *x, int state)
{
    x->state = state;
    x->since = xrq_stream_now ();
}

static void forget_connection (XRQ *x)
{
    int i;

    x->in_start = x->in_end = 0;
    x->out_start = x->out_end = x->out_due = 0;
    x->watches_length = x->watched_bytes = 0;
    for (i = 0; i < REGISTERS; i++)
        x->registers[i].known = FALSE;
    sim_cancel (x->timer);
}

/* The connection has ended.  Whoever calls this from amidst a message finds the state changed, and the buffers still there. */

static void lose (XRQ *x, const char *reason)
{
    t_bool was_ready = x->state == READY;

    if (reason != x->reason)
        snprintf (x->reason, sizeof (x->reason), "%s", reason);
    xrq_stream_close (x->stream);
    forget_connection (x);
    enter (x, LOST);
    TRACE (x, TRACE_PEER, "%s lost: %s\n", x->device->name, x->reason);
    if (!was_ready)
        return;
    say (x, "lost its peer: %s", x->reason);
    x->failed = TRUE;
    if (x->vector)
        request (x, x->vector);                         /* so that a driver looks at SA */
}

/* Say goodbye, and why. */

static void leave (XRQ *x, const char *reason)
{
    uint32 length = (uint32) strlen (reason);
    uint8 *room = begin_message (x, GOODBYE, 0, 0, 0, length);

    if (room) {
        memcpy (room, reason, length);
        end_message (x, length);
        send_all (x);
        }
    if (x->state >= GREETING) {
        xrq_stream_drain (x->stream, FAREWELL_MS);
        lose (x, reason);
        }
}

static void send_hello (XRQ *x)
{
    uint8 *hello = begin_message (x, HELLO, 0, 0, 0, HELLO_BYTES);
    char name[NAME_BYTES];

    memset (hello, 0, HELLO_BYTES);
    memcpy (hello, "HBVS", 4);
    put_16 (hello + 4, VERSION);
    hello[6] = ON_UNIBUS? BUS_UNIBUS: BUS_QBUS;
    hello[7] = (uint8) x->mode;
    put_32 (hello + 8, csr_address (x));
    put_32 (hello + 12, memory_bytes ());
    snprintf (name, sizeof (name), "SIMH %.*s %s", (int) sizeof (name) - 12, sim_name, x->device->name);
    memcpy (hello + 32, name, strlen (name));
    end_message (x, HELLO_BYTES);
    send_all (x);
}

static void greet (XRQ *x)
{
    forget_connection (x);
    x->sent = x->applied = x->answered = 0;
    x->epoch = 0;                                       /* what an older connection had under way is gone with it */
    x->name[0] = 0;
    enter (x, GREETING);
    send_hello (x);
}

static void check_greeting (XRQ *x)
{
    if (x->state != GREETING || !x->registers[IP].known || !x->registers[SA].known)
        return;
    enter (x, READY);
    x->reason[0] = 0;
    x->statistics.connections++;
    TRACE (x, TRACE_PEER, "%s connected to %s\n", x->device->name, x->name);
    if (x->failed)
        say (x, "is connected again");
}

/* Do the next thing that the connection needs and that can be done now; returns whether anything happened. */

static t_bool advance (XRQ *x)
{
    t_bool happened = FALSE;
    double now;
    int ready;

    if (x->state == READY)
        return exchange (x) != 0;
    now = xrq_stream_now ();
    if (x->state == LOST && now - x->since >= RECONNECT_MS) {
        enter (x, OPENING);
        if (xrq_stream_open (x->stream) < 0)
            lose (x, xrq_stream_reason (x->stream));
        }
    if (x->state == OPENING && (ready = xrq_stream_ready (x->stream)) != 0) {
        if (ready > 0)
            greet (x);
        else lose (x, xrq_stream_reason (x->stream));
        }
    if (x->state == GREETING) {
        happened = exchange (x) != 0;
        check_greeting (x);
        }
    if ((x->state == OPENING || x->state == GREETING) && now - x->since >= 1000.0 * x->timeout)
        lose (x, x->state == OPENING? "nobody answers": "the peer does not greet");
    return happened;
}

/* ---- register accesses */

static XRQ *at_address (int32 address)
{
    int i;

    for (i = 0; i < XRQS; i++) {
        const DIB *dib = (const DIB *) xrqs[i].device->ctxt;

        if (!(xrqs[i].device->flags & DEV_DIS) &&
            (((uint32) address ^ dib->ba) & (IOPAGEMASK & ~(2 * REGISTERS - 1))) == 0)
            return &xrqs[i];
        }
    return NULL;
}

/* Something goes on: look at the stream soon. */

static void wake (XRQ *x)
{
    if (x->quiet >= BUSY_POLLS) {
        sim_cancel (x->unit);
        sim_activate (x->unit, x->poll);
        }
    x->quiet = 0;
}

/* Send a message, and wait for its answer if it is one of those. */

static void tell (XRQ *x, int kind, uint32 address, uint32 value, t_bool waits)
{
    uint32 number = put_message (x, kind, waits? FLAG_WAIT: 0, address, value);

    send_all (x);
    if (waits)
        wait_for_answer (x, number);
    wake (x);
}

/* Copy the packets that descriptors point at behind `place`; what cannot be read is left out. */

static uint8 *copy_packets (uint32 ring, uint32 length, uint8 *place)
{
    uint32 mask = ON_UNIBUS? 0x3FFFE: 0x3FFFFE, end = ring + length / 4 * 4;
    uint8 longword[4];

    for ( ; ring < end; ring += 4) {
        uint32 descriptor, packet;

        if (!is_readable (ring, 4) || read_memory (ring, 4, longword) < 4)
            break;
        descriptor = get_32 (longword);
        packet = (descriptor & mask) - ENVELOPE_BYTES;
        if ((descriptor & OWN) == 0 || packet > mask || !is_readable (packet, PACKET_BYTES))
            continue;
        if (read_memory (packet, PACKET_BYTES, place + EXTENT_BYTES) == PACKET_BYTES) {
            put_32 (place, packet);
            put_32 (place + 4, PACKET_BYTES);
            place += EXTENT_BYTES + PACKET_BYTES;
            }
        }
    return place;
}

static uint8 *copy_bytes (uint32 address, uint32 length, uint8 *place)
{
    if (!is_readable (address, length) || read_memory (address, length, place + EXTENT_BYTES) < length)
        return place;
    put_32 (place, address);
    put_32 (place + 4, length);
    return place + EXTENT_BYTES + length;
}

static void tell_read (XRQ *x, uint32 offset)
{
    t_bool waits = x->mode == FROZEN;
    uint8 *data = begin_message (x, HOST_READ, waits? FLAG_WAIT: 0, offset, 0, x->watched_bytes), *end = data;
    uint32 i, number;

    if (data == NULL)
        return;
    for (i = 0; i < x->watches_length; i += WATCH_BYTES) {
        const uint8 *watch = x->watches + i;

        if (get_16 (watch) == WATCHES_PACKETS)
            end = copy_packets (get_32 (watch + 4), get_32 (watch + 8), end);
        else end = copy_bytes (get_32 (watch + 4), get_32 (watch + 8), end);
        }
    number = end_message (x, (uint32) (end - data));
    x->statistics.reads++;
    send_all (x);
    if (waits)
        wait_for_answer (x, number);
    wake (x);
}

/* EXAMINE looks without being on the bus: DEPOSIT does so too, before it writes. */

static t_bool is_console (int32 access)
{
#if defined (READC)
    return access == READC;
#else
    (void) access;
    return FALSE;
#endif
}

static t_stat xrq_rd (int32 *data, int32 address, int32 access)
{
    XRQ *x = at_address (address);
    uint32 offset = address & (2 * REGISTERS - 1) & ~1;
    REGISTER *shadow;

    if (x == NULL)
        return SCPE_NXM;
    shadow = &x->registers[offset >> 1];
    if (is_console (access))
        advance (x);                                    /* nothing polls while a machine stands */
    if (x->state != READY || x->failed) {
        *data = offset >> 1 == SA? FATAL_ERROR: 0;
        return SCPE_OK;
        }
    *data = shadow->word;
    TRACE (x, TRACE_REGISTERS, "%s read %s: %06o\n", x->device->name, offset? "SA": "IP", *data);
    if ((shadow->access & TELL_READ) && !is_console (access))
        tell_read (x, offset);
    return SCPE_OK;
}

static t_stat xrq_wr (int32 data, int32 address, int32 access)
{
    XRQ *x = at_address (address);
    uint32 offset = address & (2 * REGISTERS - 1) & ~1;
    REGISTER *shadow;

    if (x == NULL)
        return SCPE_NXM;
    if (access == WRITEB)                               /* the other byte of a register that is written is 0 */
        data = (address & 1)? (data & 0377) << 8: data & 0377;
    shadow = &x->registers[offset >> 1];
    TRACE (x, TRACE_REGISTERS, "%s write %s: %06o\n", x->device->name, offset? "SA": "IP", data & 0177777);
    if (x->state != READY)
        return SCPE_OK;
    if (shadow->access & RESETS)
        begin_epoch (x);
    else if (x->failed)
        return SCPE_OK;
    tell (x, HOST_WRITE, offset, data & 0177777, x->mode == FROZEN || (shadow->access & WAIT_WRITE));
    return SCPE_OK;
}

/* ---- what happens in time */

static XRQ *of_unit (const UNIT *unit)
{
    int i;

    for (i = 0; i < XRQS; i++) {
        if (unit == xrqs[i].unit || unit == xrqs[i].timer)
            return &xrqs[i];
        }
    return NULL;
}

static t_stat xrq_poll (UNIT *unit)
{
    XRQ *x = of_unit (unit);

    if (x->state == IDLE)
        return SCPE_OK;
    if (advance (x) || x->state == GREETING || x->state == OPENING)
        x->quiet = 0;
    else if (x->quiet < BUSY_POLLS)
        x->quiet++;
    if (x->state == LOST)
        x->quiet = BUSY_POLLS;
    sim_activate (unit, x->quiet < BUSY_POLLS? x->poll: x->idle);
    return SCPE_OK;
}

static t_stat xrq_tick (UNIT *unit)
{
    XRQ *x = of_unit (unit);

    if (x->state != READY)
        return SCPE_OK;
    if (x->due - sim_gtime () >= 1.0)                   /* further away than one activation reaches */
        start_timer (x);
    else tell (x, HOST_TICK, 0, 0, x->mode == FROZEN);
    return SCPE_OK;
}

static void set_up (DEVICE *device);

static t_stat xrq_reset (DEVICE *device)
{
    XRQ *x;

    set_up (device);
    x = of_unit (device->units);
    begin_epoch (x);
    if (x->state == READY)
        tell (x, HOST_RESET, 0, memory_bytes (), x->mode == FROZEN);
    if (x->state != IDLE && !sim_is_active (x->unit))
        sim_activate (x->unit, x->poll);
    return SCPE_OK;
}

/* ---- BOOT

   What a boot ROM of a PDP-11 does: bring the port up with rings of one entry each, ONLINE, READ of block 0 to address 0, and
   go there with the unit in R0 and the CSR in R1.  It halts when the controller or the unit refuses.  In MACRO-11:

        RING = 17000, RSP = 17040, CMD = 17200          response descriptor, command descriptor; texts of the packets
        START:  MOV #unit,R0    MOV #csr,R1     MOV #START,SP
                CLR (R1)+       MOV #STEPS,R4   MOV #4000,R3
        10$:    MOV (R1),R2     BMI FAIL        BIT R3,R2       BEQ 10$
                MOV (R4)+,(R1)  ASL R3          BPL 10$
                MOV #CMD-4,R4
        20$:    CLR (R4)+       CMP R4,#CMD+60  BLO 20$
                MOV #RSP,RING   MOV #CMD,RING+4 MOV R0,CMD+4
                MOV #11,CMD+10  JSR PC,DO
                MOV #41,CMD+10  MOV #1000,CMD+14                JSR PC,DO
                CLR -(R1)       CLR PC
        DO:     MOV #60,CMD-4   MOV #74,RSP-4
                MOV #100000,RING+2              MOV #100000,RING+6
                TST -2(R1)
        30$:    TST (R1)        BMI FAIL        TST RING+2      BMI 30$
                TSTB RSP+12     BNE FAIL        RTS PC
        FAIL:   HALT            BR START
        STEPS:  .WORD 100000,RING,0,1
*/

#if defined (VM_VAX)
#define xrq_boot NULL                                   /* the console's ROM boots from any controller */
#else

#define BOOT_START      016000
#define BOOT_UNIT       1                               /* words of the program */
#define BOOT_CSR        3

#if SIM_MAJOR < 4
extern int32 saved_PC;
#define START_AT(place) saved_PC = (place)
#else
#define START_AT(place) cpu_set_boot (place)
#endif

static t_stat xrq_boot (int32 number, DEVICE *device)
{
    static const uint16 program[] = {
        0012700, 0000000, 0012701, 0172150, 0012706, 0016000, 0005021, 0012704,
        0016220, 0012703, 0004000, 0011102, 0100471, 0030302, 0001774, 0012411,
        0006303, 0100371, 0012704, 0017174, 0005024, 0020427, 0017260, 0103774,
        0012767, 0017040, 0000712, 0012767, 0017200, 0000710, 0010067, 0001104,
        0012767, 0000011, 0001102, 0004767, 0000024, 0012767, 0000041, 0001070,
        0012767, 0001000, 0001066, 0004767, 0000004, 0005041, 0005007, 0012767,
        0000060, 0001030, 0012767, 0000074, 0000662, 0012767, 0100000, 0000622,
        0012767, 0100000, 0000620, 0005761, 0177776, 0005711, 0100407, 0005767,
        0000600, 0100773, 0105767, 0000642, 0001001, 0000207, 0000000, 0000670,
        0100000, 0017000, 0000000, 0000001
        };
    XRQ *x = of_unit (device->units);
    uint16 *place = M + BOOT_START / 2;

    (void) number;                                      /* all units of the controller come through the one we attach */
    memcpy (place, program, sizeof (program));
    place[BOOT_UNIT] = (uint16) x->boot_unit;
    place[BOOT_CSR] = csr_address (x) & 0xFFFF;
    START_AT (BOOT_START);
    return SCPE_OK;
}
#endif

/* ---- ATTACH and DETACH */

static t_bool is_settled (XRQ *x, uint32 nothing)
{
    (void) nothing;
    check_greeting (x);
    return x->state != GREETING;
}

/* Try to get the connection now, and say whether it is there. */

static t_bool connect_now (XRQ *x)
{
    double end = xrq_stream_now () + 1000.0 * x->timeout;

    enter (x, LOST);
    x->since -= RECONNECT_MS;
    advance (x);
    while (x->state == OPENING && xrq_stream_now () < end) {
        xrq_stream_wait (x->stream, 1, end - xrq_stream_now ());
        advance (x);
        }
    if (x->state == GREETING)
        wait_until (x, is_settled, 0);
    return x->state == READY;
}

static void free_connection (XRQ *x)
{
    xrq_stream_free (x->stream);
    free (x->in);
    free (x->out);
    free (x->watches);
    x->stream = NULL;
    x->in = x->out = x->watches = NULL;
    x->watches_length = x->watched_bytes = 0;
    x->state = IDLE;
}

static t_stat xrq_detach (UNIT *unit)
{
    XRQ *x = of_unit (unit);

    if (!(unit->flags & UNIT_ATT))
        return SCPE_OK;
    if (x->state >= GREETING) {
        t_bool was_ready = x->state == READY;

        x->state = GREETING;                            /* what comes now is no loss to tell people of */
        leave (x, "detached");
        x->failed |= was_ready;
        }
    free_connection (x);
    sim_cancel (x->unit);
    sim_cancel (x->timer);
    unit->flags &= ~UNIT_ATT;
    free (unit->filename);
    unit->filename = NULL;
    return SCPE_OK;
}

/* ATTACH XRQ address.  With -D, or when a saved state is restored, the peer need not be there yet. */

static t_stat xrq_attach (UNIT *unit, CONST char *address)
{
    XRQ *x = of_unit (unit);
    t_bool deferred = (sim_switches & (SWMASK ('D') | SIM_SW_REST)) != 0;
    char reason[XRQ_REASON_BYTES];

    if (unit->flags & UNIT_ATT)
        xrq_detach (unit);
    x->stream = xrq_stream_new (address, reason);
    if (x->stream == NULL) {
        say (x, "%s", reason);
        return SCPE_ARG;
        }
    x->in = (uint8 *) malloc (ROOM_IN);
    x->out = (uint8 *) malloc (ROOM_OUT);
    unit->filename = (char *) malloc (strlen (address) + 1);
    if (x->in == NULL || x->out == NULL || unit->filename == NULL) {
        free_connection (x);
        return SCPE_MEM;
        }
    strcpy (unit->filename, address);
    if (!connect_now (x) && !deferred) {
        say (x, "%s", x->reason[0]? x->reason: "nobody answers");
        free_connection (x);
        free (unit->filename);
        unit->filename = NULL;
        return SCPE_OPENERR;
        }
    unit->flags |= UNIT_ATT;
    x->quiet = 0;
    sim_activate (unit, x->poll);
    return SCPE_OK;
}

/* ---- SET and SHOW */

static t_stat set_mode (UNIT *unit, int32 mode, CONST char *text, void *nothing)
{
    XRQ *x = of_unit (unit);

    (void) nothing;
    if (text)
        return SCPE_ARG;
    if ((unit->flags & UNIT_ATT) && mode != x->mode)
        return SCPE_ALATT;                              /* HELLO has told the peer */
    x->mode = mode;
    return SCPE_OK;
}

static t_stat set_timeout (UNIT *unit, int32 value, CONST char *text, void *nothing)
{
    t_stat status;
    int32 seconds;

    (void) value;
    (void) nothing;
    if (text == NULL)
        return SCPE_ARG;
    seconds = (int32) get_uint (text, 10, 3600, &status);
    if (status != SCPE_OK || seconds == 0)
        return SCPE_ARG;
    of_unit (unit)->timeout = seconds;
    return SCPE_OK;
}

static t_stat clear_statistics (UNIT *unit, int32 value, CONST char *text, void *nothing)
{
    XRQ *x = of_unit (unit);

    (void) value;
    (void) nothing;
    if (text)
        return SCPE_ARG;
    memset (&x->statistics, 0, sizeof (x->statistics));
    if (x->stream) {
        x->statistics.resent_before = xrq_stream_resent (x->stream);
        x->statistics.damaged_before = xrq_stream_damaged (x->stream);
        }
    return SCPE_OK;
}

static t_stat show_vector (FILE *st, UNIT *unit, int32 value, CONST void *nothing)
{
    XRQ *x = of_unit (unit);

    (void) value;
    (void) nothing;
    if (x->vector)
        fprintf (st, DEV_RDX == 16? "vector=%X": "vector=%o", x->vector);
    else fprintf (st, "no vector");
    return SCPE_OK;
}

static t_stat show_mode (FILE *st, UNIT *unit, int32 value, CONST void *nothing)
{
    (void) value;
    (void) nothing;
    fprintf (st, of_unit (unit)->mode == FROZEN? "frozen": "posted");
    return SCPE_OK;
}

static t_stat show_timeout (FILE *st, UNIT *unit, int32 value, CONST void *nothing)
{
    (void) value;
    (void) nothing;
    fprintf (st, "timeout=%d", of_unit (unit)->timeout);
    return SCPE_OK;
}

static t_stat show_peer (FILE *st, UNIT *unit, int32 value, CONST void *nothing)
{
    static const char *const states[] = { "no peer", "lost", "connecting", "greeting", "connected" };
    XRQ *x = of_unit (unit);

    (void) value;
    (void) nothing;
    fprintf (st, "%s", states[x->state]);
    if (x->state == READY)
        fprintf (st, " to \"%s\"", x->name);
    if (x->state != IDLE)
        fprintf (st, " at %s", unit->filename);
    if (x->state != IDLE && x->state != READY && x->reason[0])
        fprintf (st, " (%s)", x->reason);
    if (x->failed)
        fprintf (st, ", SA shows fatal error");
    return SCPE_OK;
}

static t_stat show_statistics (FILE *st, UNIT *unit, int32 value, CONST void *nothing)
{
    XRQ *x = of_unit (unit);
    const STATISTICS *s = &x->statistics;
    unsigned long resent = x->stream? xrq_stream_resent (x->stream) - s->resent_before: 0;
    unsigned long damaged = x->stream? xrq_stream_damaged (x->stream) - s->damaged_before: 0;

    (void) value;
    (void) nothing;
#define LINE(label, count) fprintf (st, "  %-30s %12.0f\n", label, (double) (count))
    fprintf (st, "statistics\n");
    LINE ("messages sent", s->messages_out);
    LINE ("messages received", s->messages_in);
    LINE ("bytes sent", s->bytes_out);
    LINE ("bytes received", s->bytes_in);
    LINE ("READs", s->reads);
    LINE ("DMA bytes from memory", s->dma_out);
    LINE ("DMA bytes to memory", s->dma_in);
    LINE ("waits of the processor", s->waits);
    fprintf (st, "  %-30s %12.3f\n", "milliseconds waited", s->waited_ms);
    fprintf (st, "  %-30s %12.3f\n", "milliseconds, the longest", s->longest_wait_ms);
    LINE ("stale messages", s->stale);
    LINE ("connections", s->connections);
    LINE ("frames sent again", resent);
    fprintf (st, "  %-30s %12.0f", "frames damaged", (double) damaged);
#undef LINE
    return SCPE_OK;
}

static void print_help (FILE *st)
{
    fprintf (st,
        "XRQ, XRQB, XRQC, XRQD: UQSSP disk controllers (RQDX3, KDA50, UDA50) in other processes\n"
        "\n"
        "  SET XRQ ENABLED               put it on the bus; RQ, at the same address, must be disabled\n"
        "  SET XRQ ADDRESS=n             bus address of IP\n"
        "  ATTACH {-D} XRQ address       tcp:HOST:PORT, unix:/PATH, serial:/DEVICE{,BAUD}\n"
        "                                -D: succeed also if the controller is not there yet\n"
        "  DETACH XRQ                    say goodbye to the controller\n"
        "  SET XRQ POSTED                the processor runs on while the controller works (default)\n"
        "  SET XRQ FROZEN                the processor waits for every answer; runs repeat exactly\n"
        "  SET XRQ TIMEOUT=seconds       how long the processor waits before the controller counts as lost\n"
        "  SET XRQ NOSTATISTICS          start counting anew\n"
        "  SET XRQ DEBUG{=REG;MSG;PEER}  log register accesses, messages, connections\n"
        "  SHOW XRQ PEER                 address, state and name of the controller\n"
        "  SHOW XRQ STATISTICS           what has been counted\n"
        "  SHOW XRQ HELP                 this\n"
        "  DEPOSIT XRQ POLL n            instructions between looks at the link while something goes on\n"
        "  DEPOSIT XRQ IDLE n            the same while nothing does\n"
        "  BOOT XRQ                      PDP-11: read block 0 of unit 0, or of that which\n"
        "                                DEPOSIT XRQ BOOTUNIT n has named, and go there\n");
}

static t_stat show_help (FILE *st, UNIT *unit, int32 value, CONST void *nothing)
{
    (void) unit;
    (void) value;
    (void) nothing;
    print_help (st);
    return SCPE_OK;
}

#if SIM_MAJOR >= 4
static t_stat xrq_help (FILE *st, DEVICE *device, UNIT *unit, int32 flag, const char *text)
{
    (void) device;
    (void) unit;
    (void) flag;
    (void) text;
    print_help (st);
    return SCPE_OK;
}

static const char *xrq_description (DEVICE *device)
{
    (void) device;
    return "bus link to a UQSSP disk controller in another process";
}
#endif

/* ---- tables of the simulator */

#define FOR_DEVICE (MTAB_XTD | MTAB_VDV)

static MTAB xrq_modifiers[] = {
    { .mask = FOR_DEVICE, .match = 4, .pstring = "ADDRESS", .mstring = "ADDRESS",
      .valid = &set_addr, .disp = &show_addr },
    { .mask = FOR_DEVICE, .pstring = "VECTOR", .disp = &show_vector },
    { .mask = FOR_DEVICE, .match = POSTED, .pstring = "MODE", .mstring = "POSTED",
      .valid = &set_mode, .disp = &show_mode },
    { .mask = FOR_DEVICE, .match = FROZEN, .mstring = "FROZEN", .valid = &set_mode },
    { .mask = FOR_DEVICE, .pstring = "TIMEOUT", .mstring = "TIMEOUT",
      .valid = &set_timeout, .disp = &show_timeout },
    { .mask = FOR_DEVICE | MTAB_NMO, .pstring = "PEER", .disp = &show_peer },
    { .mask = FOR_DEVICE | MTAB_NMO, .pstring = "STATISTICS", .mstring = "NOSTATISTICS",
      .valid = &clear_statistics, .disp = &show_statistics },
    { .mask = FOR_DEVICE | MTAB_NMO, .pstring = "HELP", .disp = &show_help },
    { .mask = 0 }
    };

static DEBTAB xrq_debug[] = {
    { .name = "REG", .mask = TRACE_REGISTERS },
    { .name = "MSG", .mask = TRACE_MESSAGES },
    { .name = "PEER", .mask = TRACE_PEER },
    { .name = NULL }
    };

#if SIM_MAJOR < 4
#define REGISTER_ENTRY(label, place, base, bits, kind) \
    { .name = label, .loc = &(place), .radix = base, .width = bits, .depth = 1, .flags = kind }
#define VERSION_4_ENTRIES
#else
#define REGISTER_ENTRY(label, place, base, bits, kind) \
    { .name = label, .loc = &(place), .radix = base, .width = bits, .depth = 1, .flags = kind, \
      .obj_size = sizeof (place), .size = sizeof (place) }
#define VERSION_4_ENTRIES .help = &xrq_help, .description = &xrq_description,
#endif

#define CONTROLLER(n, id, label, csr) \
    static UNIT id##_units[] = { \
        { .action = &xrq_poll, .flags = UNIT_ATTABLE | UNIT_IDLE }, \
        { .action = &xrq_tick, .flags = UNIT_DIS } \
        }; \
    static DIB id##_dib = { \
        .ba = IOPAGEBASE + (csr), .lnt = 2 * REGISTERS, .rd = &xrq_rd, .wr = &xrq_wr, \
        .vnum = 1, .vloc = SLOT_VECTOR, .ack = { &acknowledge } \
        }; \
    static REG id##_registers[] = { \
        REGISTER_ENTRY ("IP", xrqs[n].registers[IP].word, 8, 16, REG_RO), \
        REGISTER_ENTRY ("SA", xrqs[n].registers[SA].word, 8, 16, REG_RO), \
        REGISTER_ENTRY ("EPOCH", xrqs[n].epoch, 10, 16, REG_RO), \
        REGISTER_ENTRY ("POLL", xrqs[n].poll, 10, 31, REG_NZ | PV_LEFT), \
        REGISTER_ENTRY ("IDLE", xrqs[n].idle, 10, 31, REG_NZ | PV_LEFT), \
        REGISTER_ENTRY ("BOOTUNIT", xrqs[n].boot_unit, 10, 16, PV_LEFT), \
        REGISTER_ENTRY ("MODE", xrqs[n].mode, 10, 1, REG_HRO), \
        REGISTER_ENTRY ("TIMEOUT", xrqs[n].timeout, 10, 31, REG_HRO), \
        REGISTER_ENTRY ("DEVADDR", id##_dib.ba, DEV_RDX, 32, REG_HRO), \
        { .name = NULL } \
        }; \
    DEVICE id##_dev = { \
        .name = label, .units = id##_units, .registers = id##_registers, .modifiers = xrq_modifiers, \
        .numunits = 2, .aradix = 8, .awidth = 16, .aincr = 2, .dradix = DEV_RDX, .dwidth = 16, \
        .reset = &xrq_reset, .boot = xrq_boot, .attach = &xrq_attach, .detach = &xrq_detach, .ctxt = &id##_dib, \
        .flags = DEV_DISABLE | DEV_DIS | DEV_UBUS | DEV_QBUS | DEV_DEBUG, .debflags = xrq_debug, \
        VERSION_4_ENTRIES \
        };

/* The first stands where the first UQSSP disk controller of a system always does; the others where floating addresses put
   them when nothing else has one. */

CONTROLLER (0, xrq, "XRQ", 012150)
CONTROLLER (1, xrqb, "XRQB", 000334)
CONTROLLER (2, xrqc, "XRQC", 000340)
CONTROLLER (3, xrqd, "XRQD", 000344)

/* Every device is reset before anything else is done with it. */

static void set_up (DEVICE *device)
{
    static DEVICE *const devices[XRQS] = { &xrq_dev, &xrqb_dev, &xrqc_dev, &xrqd_dev };
    int i;

    (void) device;
    for (i = 0; i < XRQS && xrqs[i].device == NULL; i++) {
        xrqs[i].device = devices[i];
        xrqs[i].unit = devices[i]->units;
        xrqs[i].timer = devices[i]->units + 1;
        xrqs[i].poll = POLL_DEFAULT;
        xrqs[i].idle = IDLE_DEFAULT;
        xrqs[i].timeout = TIMEOUT_DEFAULT;
        }
#if defined (HAS_VECTOR_TABLE)
    int_vec_set[IPL_RQ][SLOT] = VEC_SET;
#endif
}
