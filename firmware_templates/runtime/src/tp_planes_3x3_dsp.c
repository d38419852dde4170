/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_planes_3x3.h"

#if TP_DSP

/* Columns 0 to 3 of an input row: r7 and r8. */
#define LOAD(left, right) "ldr r7, [r0, #" left "]\n\tldr r8, [r0, #" right "]\n\t"
/* A kernel row w01, w21 on them: to the sums that `from` and `from1` are so far. */
#define TAPS(y0, y1, w01, w21, from0, from1)         \
    "smlad " y0 ", r7, " w01 ", " from0 "\n\t"       \
    "smlatb " y1 ", r7, " w01 ", " from1 "\n\t"      \
    "smlabb " y0 ", r8, " w21 ", " y0 "\n\t"         \
    "smladx " y1 ", r8, " w21 ", " y1 "\n\t"
#define UPPER(w01, w21) TAPS("r10", "r11", w01, w21, "r10", "r11")
#define LOWER(w01, w21) TAPS("r12", "lr", w01, w21, "r12", "lr")
#define SUMS                                         \
    "ldr r9, [sp, #12]\n\t"                          \
    LOAD("0", "128")                                 \
    TAPS("r10", "r11", "r1", "r2", "r9", "r9")       \
    LOAD("16", "144")                                \
    UPPER("r3", "r4")                                \
    TAPS("r12", "lr", "r1", "r2", "r9", "r9")        \
    LOAD("32", "160")                                \
    UPPER("r5", "r6")                                \
    LOWER("r3", "r4")                                \
    LOAD("48", "176")                                \
    LOWER("r5", "r6")

__attribute__((naked, noinline)) void tp_planes_3x3_dsp(__attribute__((unused)) tp_planes_rows *job)
{
    TP_PLANES_3X3(SUMS, "128", "32");
}

#else

void tp_planes_3x3_dsp(tp_planes_rows *job)
{
    tp_planes_channels(job);
}

#endif
