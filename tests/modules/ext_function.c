/* SPDX-License-Identifier: Apache-2.0 */
/* The symbol is a function, as entry points of other systems are. */
#define xvs_module_1 xvs_module_as_declared
#include "xvs/extension.h"
#undef xvs_module_1

XVS_NOTE("com.example.function", "1.0.0", 1u << XVS_FILTER, 0);

XVS_EXPORT int xvs_module_1(void);

int xvs_module_1(void)
{
	return 0;
}
