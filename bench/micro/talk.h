/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro/talk.h - frames of many clients of one server, as the ports of a rig give them.
 */
#ifndef XVS_BENCH_MICRO_TALK_H
#define XVS_BENCH_MICRO_TALK_H

#include "micro/rig.h"

/* What a frame says behind its addresses and ports. */
enum frame_kind { FRAME_UDP, FRAME_SYN, FRAME_SYN_ACK, FRAME_ACK, FRAME_RST, FRAME_KINDS };

/* 'flows' frames of each kind, kind by kind, of clients from number 'first'; free().  NULL: no memory. */
uint8_t *talk_create(uint32_t first, uint32_t flows);

#endif /* XVS_BENCH_MICRO_TALK_H */
