/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_fixed_point.h"
#include "tp_loops.h"

/* Bytes are added two at a time, as halfwords of a word: x + 128, which is x ^ 0x80 without a sign, so that nothing is carried
 * from one halfword to the other in this many additions. */
enum { ADDITIONS = 256, BIAS = 128 };
#define SIGNS UINT32_C(0x80808080)
#define BYTES UINT32_C(0x00ff00ff)

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t both(uint32_t pair)
{
    return (int32_t)((pair & 0xffffu) + (pair >> 16));
}

static int8_t result(const tp_mean *mean, int32_t sum)
{
    const int32_t scaled = tp_requantize(sum + mean->offset, mean->multiplier, mean->shift);
    const int32_t zero_point = mean->output_zero_point;
    return (int8_t)(zero_point + tp_clamp(scaled, INT8_MIN - zero_point, INT8_MAX - zero_point));
}

/* sums[8] + `count` times eight neighbours at x, which moves on by `stride`; count <= ADDITIONS. */
TP_NOINLINE void add_eights(const int8_t *x, int32_t count, int32_t stride, int32_t *sums)
{
    uint32_t even_0 = 0, odd_0 = 0, even_1 = 0, odd_1 = 0;
    for (int32_t i = 0; i < count; i++) {
        const uint32_t a = tp_load4(x) ^ SIGNS, b = tp_load4(x + 4) ^ SIGNS;
        even_0 += a & BYTES;
        odd_0 += a >> 8 & BYTES;
        even_1 += b & BYTES;
        odd_1 += b >> 8 & BYTES;
        x += stride;
    }
    const int32_t bias = BIAS * count;
    sums[0] += (int32_t)(even_0 & 0xffffu) - bias;
    sums[1] += (int32_t)(odd_0 & 0xffffu) - bias;
    sums[2] += (int32_t)(even_0 >> 16) - bias;
    sums[3] += (int32_t)(odd_0 >> 16) - bias;
    sums[4] += (int32_t)(even_1 & 0xffffu) - bias;
    sums[5] += (int32_t)(odd_1 & 0xffffu) - bias;
    sums[6] += (int32_t)(even_1 >> 16) - bias;
    sums[7] += (int32_t)(odd_1 >> 16) - bias;
}

/* The sums of eight neighbours over all that is reduced. */
static void sum_eights(const tp_reduce *reduce, const int8_t *x, int32_t *sums)
{
    const int32_t stride = reduce->reduced_stride_2;
    memset(sums, 0, 8 * sizeof *sums);
    for (int32_t i = 0; i < reduce->reduced_0; i++) {
        for (int32_t j = 0; j < reduce->reduced_1; j++) {
            const int8_t *from = x + i * reduce->reduced_stride_0 + j * reduce->reduced_stride_1;
            for (int32_t done = 0; done < reduce->reduced_2; done += ADDITIONS) {
                add_eights(from + done * stride, smaller(reduce->reduced_2 - done, ADDITIONS), stride, sums);
            }
        }
    }
}

/* The sum of `count` values one behind the other. */
TP_NOINLINE int32_t sum_run(const int8_t *x, int32_t count)
{
    int32_t sum = 0, i = 0;
    while (count - i >= 4) {
        const int32_t words = smaller((count - i) / 4, ADDITIONS / 2); /* each is two additions to a halfword */
        uint32_t pair = 0;
        for (int32_t word = 0; word < words; word++, i += 4) {
            const uint32_t a = tp_load4(x + i) ^ SIGNS;
            pair += (a & BYTES) + (a >> 8 & BYTES);
        }
        sum += both(pair) - 4 * BIAS * words;
    }
    for (; i < count; i++) {
        sum += x[i];
    }
    return sum;
}

/* The sum of all that is reduced to one result. */
static int32_t sum_one(const tp_reduce *reduce, const int8_t *x)
{
    const int32_t count = reduce->reduced_2, stride = reduce->reduced_stride_2;
    int32_t sum = 0;
    for (int32_t i = 0; i < reduce->reduced_0; i++) {
        for (int32_t j = 0; j < reduce->reduced_1; j++) {
            const int8_t *from = x + i * reduce->reduced_stride_0 + j * reduce->reduced_stride_1;
            if (stride == 1) {
                sum += sum_run(from, count);
            } else {
                for (int32_t k = 0; k < count; k++) {
                    sum += *from;
                    from += stride;
                }
            }
        }
    }
    return sum;
}

void tp_mean_s8_dense_c(const tp_reduce *reduce, const tp_mean *mean, const int8_t *input, int8_t *output)
{
    const int32_t results = reduce->kept_2;
    int32_t sums[8];
    for (int32_t i = 0; i < reduce->kept_0; i++) {
        for (int32_t j = 0; j < reduce->kept_1; j++) {
            const int8_t *x = input + i * reduce->kept_stride_0 + j * reduce->kept_stride_1;
            if (reduce->kept_stride_2 == 1 && results >= 8) {
                for (int32_t k = 0; k < results; k += 8) {
                    const int32_t first = smaller(k, results - 8); /* the last eight overlap those before */
                    sum_eights(reduce, x + first, sums);
                    for (int32_t n = 0; n < 8; n++) {
                        output[first + n] = result(mean, sums[n]);
                    }
                }
            } else {
                for (int32_t k = 0; k < results; k++) {
                    output[k] = result(mean, sum_one(reduce, x + k * reduce->kept_stride_2));
                }
            }
            output += results;
        }
    }
}
