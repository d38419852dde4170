/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_planes_3x3.h"

#if TP_DSP

/* Columns 0 to 5 of an input row: r7, r8 and r9. */
#define LOAD(left, middle, right) \
    "ldr r7, [r0, #" left "]\n\tldr r8, [r0, #" middle "]\n\tldr r9, [r0, #" right "]\n\t"
/* A kernel row w01, w21 on them. */
#define TAPS(y0, y1, w01, w21)                       \
    "smlad " y0 ", r7, " w01 ", " y0 "\n\t"          \
    "smlad " y1 ", r8, " w01 ", " y1 "\n\t"          \
    "smlabb " y0 ", r8, " w21 ", " y0 "\n\t"         \
    "smlabb " y1 ", r9, " w21 ", " y1 "\n\t"
#define UPPER(w01, w21) TAPS("r10", "r11", w01, w21)
#define LOWER(w01, w21) TAPS("r12", "lr", w01, w21)
#define SUMS                                         \
    "ldr r10, [sp, #12]\n\t"                         \
    LOAD("0", "144", "288")                          \
    "mov r11, r10\n\t"                               \
    "mov r12, r10\n\t"                               \
    "mov lr, r10\n\t"                                \
    UPPER("r1", "r2")                                \
    LOAD("16", "160", "304")                         \
    UPPER("r3", "r4")                                \
    LOAD("32", "176", "320")                         \
    UPPER("r5", "r6")                                \
    LOWER("r1", "r2")                                \
    LOAD("48", "192", "336")                         \
    LOWER("r3", "r4")                                \
    LOAD("64", "208", "352")                         \
    LOWER("r5", "r6")

__attribute__((naked, noinline)) void tp_planes_3x3_stride2_dsp(__attribute__((unused)) tp_planes_rows *job)
{
    TP_PLANES_3X3(SUMS, "288", "64");
}

#else

void tp_planes_3x3_stride2_dsp(tp_planes_rows *job)
{
    tp_planes_channels(job);
}

#endif
