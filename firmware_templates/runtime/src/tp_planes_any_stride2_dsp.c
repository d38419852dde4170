/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_planes_any.h"

#if TP_DSP

/* Words (w0, w[-1]) and (w2, w1) of weights on four words: lr becomes (w0, w1). */
#define ROW                                           \
    "ldr r4, [r1]\n\t"                                \
    "7:\n\t"                                          \
    "mov lr, r4\n\t"                                  \
    "ldr r4, [r1, #4]!\n\t"                           \
    "ldr r5, [r0]\n\t"                                \
    "ldr r6, [r0, #16]!\n\t"                          \
    "ldr r7, [r0, #16]\n\t"                           \
    "pkhbt lr, lr, r4\n\t"                            \
    "smlad r8, r5, lr, r8\n\t"                        \
    "ldr r5, [r0, #32]\n\t"                           \
    "smlad r9, r6, lr, r9\n\t"                        \
    "smlad r10, r7, lr, r10\n\t"                      \
    "smlad r11, r5, lr, r11\n\t"                      \
    "subs r2, r2, #1\n\t"                             \
    "bne 7b\n\t"

__attribute__((naked, noinline)) void tp_planes_any_stride2_dsp(__attribute__((unused)) tp_planes_rows *job)
{
    TP_PLANES_ANY(ROW, "64");
}

#else

void tp_planes_any_stride2_dsp(tp_planes_rows *job)
{
    tp_planes_channels(job);
}

#endif
