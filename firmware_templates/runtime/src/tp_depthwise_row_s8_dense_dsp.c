/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_kernels_dsp.h"
#include "tp_relu.h"

#define CHANNEL_WORDS TP_DEPTHWISE_CHANNEL_WORDS

#if TP_DSP

/* Columns 0 to 4 of the outputs are r4 to r8. r9 and r10 become the pairs (x0, x1) and (x2, x3) of a row, r11 is x4, r12 is
 * (w0, w1), w2 is the half b or t of lr. What x is left and right of the row is in the biases. */
#define LOAD_ROW(slot, byte)                \
    "ldr r10, [r0, #" slot "]\n\t"          \
    "ldrsb r11, [r1, #" byte "]\n\t"        \
    "sxtb16 r9, r10\n\t"                    \
    "sxtb16 r10, r10, ror #8\n\t"           \
    "smlabt r4, r9, r12, r4\n\t"
#define TAPS_OF_W2_AND_COLUMN_4(w2)         \
    "smlat" w2 " r4, r9, lr, r4\n\t"        \
    "smlab" w2 " r5, r10, lr, r5\n\t"       \
    "smlat" w2 " r6, r10, lr, r6\n\t"       \
    "smlab" w2 " r7, r11, lr, r7\n\t"       \
    "smlatb r8, r10, r12, r8\n\t"           \
    "smlabt r8, r11, r12, r8\n\t"
#define ROW(slot, byte, w2)                 \
    LOAD_ROW(slot, byte)                    \
    "smlad r5, r9, r12, r5\n\t"             \
    "smlad r7, r10, r12, r7\n\t"            \
    TAPS_OF_W2_AND_COLUMN_4(w2)             \
    "pkhbt r9, r10, r9\n\t" /* (x2, x1) */  \
    "smladx r6, r9, r12, r6\n\t"

/* On the stack: 0 plane_bytes, 4 weights_end. */
__attribute__((naked, noinline)) void tp_depthwise_row_s8_dense_dsp(__attribute__((unused)) const tp_depthwise_row *job)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldr r5, [r0, #12]\n\t"
        "ldr r4, [r0, #16]\n\t"
        "push {r4-r5}\n\t"
        "ldr r1, [r0, #4]\n\t"
        "ldr r2, [r0, #8]\n\t"
        "ldr r3, [r0, #24]\n\t"
        "ldr r0, [r0]\n\t"
        ".balign 4\n\t"
        "1:\n\t"
        "ldr r4, [r2], #40\n\t"
        "ldr r5, [r2, #-36]\n\t" /* the bias of columns 1, 2, 3 */
        "ldr r8, [r2, #-32]\n\t"
        "ldr r12, [r2, #-28]\n\t"
        "ldr lr, [r2, #-16]\n\t"
        LOAD_ROW("0", "0")
        "smlad r7, r10, r12, r5\n\t"
        "pkhbt r6, r10, r9\n\t"
        "smladx r6, r6, r12, r5\n\t"
        "smlad r5, r9, r12, r5\n\t"
        TAPS_OF_W2_AND_COLUMN_4("b")
        "ldr r12, [r2, #-24]\n\t"
        ROW("4", "1", "t")
        "ldr r12, [r2, #-20]\n\t"
        "ldr lr, [r2, #-12]\n\t"
        ROW("8", "2", "b")
        "ldr r9, [r2, #-8]\n\t"
        "ldr r10, [r2, #-4]\n\t"
        "ldr r11, [sp]\n\t"
        "ldr r12, [sp, #4]\n\t"
        TP_RELU_OUTPUTS("r4", "r5", "r6", "r7", "r8", "r9", "r10")
        "strb r5, [r3, #64]\n\t"
        "strb r6, [r3, #128]\n\t"
        "strb r7, [r3, #192]\n\t"
        "strb r8, [r3, #256]\n\t"
        "strb r4, [r3], #1\n\t"
        "add r0, r0, r11\n\t"
        "add r1, r1, r11\n\t"
        "cmp r2, r12\n\t"
        "bne 1b\n\t"
        "add sp, sp, #8\n\t"
        "pop {r4-r11, pc}");
}

#else

static void add_row(const int8_t *word, int32_t x4, uint32_t w01, int32_t w2, int32_t acc[TP_TILE_PIXELS])
{
    const int32_t w0 = tp_low(w01), w1 = tp_high(w01);
    const int32_t x0 = word[0], x1 = word[2], x2 = word[1], x3 = word[3];
    acc[0] += x0 * w1 + x1 * w2;
    acc[1] += x0 * w0 + x1 * w1 + x2 * w2;
    acc[2] += x1 * w0 + x2 * w1 + x3 * w2;
    acc[3] += x2 * w0 + x3 * w1 + x4 * w2;
    acc[4] += x3 * w0 + x4 * w1;
}

void tp_depthwise_row_s8_dense_dsp(const tp_depthwise_row *job)
{
    const int8_t *words = job->words, *bytes = job->bytes;
    int8_t *output = job->output;
    for (const uint32_t *weights = job->weights; weights != job->weights_end; weights += CHANNEL_WORDS) {
        const int32_t left = (int32_t)weights[0], inner = (int32_t)weights[1], right = (int32_t)weights[2];
        int32_t acc[TP_TILE_PIXELS] = {left, inner, inner, inner, right};
        add_row(words, bytes[0], weights[3], tp_low(weights[6]), acc);
        add_row(words + 4, bytes[1], weights[4], tp_high(weights[6]), acc);
        add_row(words + 8, bytes[2], weights[5], tp_low(weights[7]), acc);
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            output[TP_ROW_CHANNELS * i] = tp_relu_output(acc[i], (int32_t)weights[8], (int32_t)weights[9]);
        }
        words += job->plane_bytes;
        bytes += job->plane_bytes;
        output++;
    }
}

#endif
