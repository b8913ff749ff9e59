/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/saver.h - a port's policies and state into a file and back, in turns that are short enough
 * for the control thread.  [control]
 *
 *      save:     describe -> all -> silence -> the rest -> it forwards again -> the file is whole
 *      restore:  the file is read once and must be whole -> silence, held -> read again into the port -> open
 *
 * A port that could not take all of a file stays closed: half a state is worse than none.
 */
#ifndef XVS_CONTROL_SAVER_H
#define XVS_CONTROL_SAVER_H

#include "control/control.h"

/* Makes 'file', which must not be there.  The call is answered when it is whole, or gone again. */
void saver_save(struct rpc_call *call, const char *target, const char *file);
/* 'uuid' is that of the port in the file; NULL: it is the port's own. */
void saver_restore(struct rpc_call *call, const char *target, const char *file,
		   const uint8_t *uuid);

/* Before the world ends: all are answered. */
void savers_end(struct control *c);

#endif /* XVS_CONTROL_SAVER_H */
