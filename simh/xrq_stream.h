/* xrq_stream.h: a byte stream to a controller in another process, over TCP, a Unix socket or a serial line.

   Knows nothing of simulators and nothing of messages.  Nothing here blocks but xrq_stream_wait and
   xrq_stream_drain, and these no longer than they are told.  Times are milliseconds.
*/

#ifndef XRQ_STREAM_H_
#define XRQ_STREAM_H_ 0

#include <stddef.h>

#define XRQ_REASON_BYTES 120

typedef struct xrq_stream XRQ_STREAM;

/* Make a stream of an address: tcp:HOST:PORT, unix:/PATH, serial:/DEVICE[,BAUD]; tcp://, unix://, serial://
   and ?baud= are understood too.  NULL, and a sentence in `reason`, when it is none.  Names are looked up here, once. */

XRQ_STREAM *xrq_stream_new (const char *address, char reason[XRQ_REASON_BYTES]);
void xrq_stream_free (XRQ_STREAM *stream);

/* Begin to connect.  After it xrq_stream_ready says 1 when the stream is open, 0 not yet, -1 when it failed. */

int xrq_stream_open (XRQ_STREAM *stream);
int xrq_stream_ready (XRQ_STREAM *stream);
void xrq_stream_close (XRQ_STREAM *stream);

/* Both say how many bytes went, 0 when none can now, -1 when the stream has ended. */

long xrq_stream_send (XRQ_STREAM *stream, const unsigned char *bytes, size_t count);
long xrq_stream_receive (XRQ_STREAM *stream, unsigned char *bytes, size_t room);

/* Wait until something may have come, or may be sent if there is something to send. */

void xrq_stream_wait (XRQ_STREAM *stream, int sending, double milliseconds);

/* Wait until what was sent has arrived at the other end; nothing can be sent or received any more. */

void xrq_stream_drain (XRQ_STREAM *stream, double milliseconds);

const char *xrq_stream_reason (const XRQ_STREAM *stream);      /* why it ended or failed */
unsigned long xrq_stream_resent (const XRQ_STREAM *stream);    /* frames that had to be sent again */
unsigned long xrq_stream_damaged (const XRQ_STREAM *stream);   /* frames that came damaged and were dropped */
double xrq_stream_now (void);                                  /* a clock that only goes forward */

#endif
