/* xrq.h: what a simulator's list of devices needs to know of XRQ, the bus link to a UQSSP controller elsewhere. */

#ifndef XRQ_H_
#define XRQ_H_ 0

extern DEVICE xrq_dev, xrqb_dev, xrqc_dev, xrqd_dev;

#define XRQ_DEVICES &xrq_dev, &xrqb_dev, &xrqc_dev, &xrqd_dev,

#endif
