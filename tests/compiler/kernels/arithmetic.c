/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * The inline functions of the runtime over arrays of *n elements, for tests. */
#include "tp_dsp.h"
#include "tp_fixed_point.h"
#include "tp_several.h"
#include "tp_kernels_dsp.h"

void test_requantize(const int32_t *n, const int32_t *acc, const int32_t *multiplier, const int32_t *shift, int32_t *y);
void test_requantize_fast(const int32_t *n, const int32_t *acc, const int32_t *multiplier, const int32_t *shift,
                          const int32_t *zero_point, int32_t *y);
void test_put_several(const int32_t *n, const tp_layer *layer, const tp_channel *channels, const int32_t *acc, const int32_t *taps,
                      int8_t *y);
void test_doubling_high_mul(const int32_t *n, const int32_t *a, const int32_t *b, int32_t *y);
void test_dsp(const int32_t *n, const uint32_t *a, const uint32_t *b, uint32_t *y);
void test_never_returns(const volatile int32_t *n);

void test_requantize(const int32_t *n, const int32_t *acc, const int32_t *multiplier, const int32_t *shift, int32_t *y)
{
    for (int32_t i = 0; i < *n; i++) {
        y[i] = tp_requantize(acc[i], multiplier[i], shift[i]);
    }
}

void test_requantize_fast(const int32_t *n, const int32_t *acc, const int32_t *multiplier, const int32_t *shift,
                          const int32_t *zero_point, int32_t *y)
{
    for (int32_t i = 0; i < *n; i++) {
        const int32_t offset = tp_fast_offset(-shift[i], zero_point[i]);
        y[i] = tp_requantize_fast(acc[i], multiplier[i], -shift[i], offset);
    }
}

/* y[*n][2]: as this core multiplies, and from halves. */
void test_doubling_high_mul(const int32_t *n, const int32_t *a, const int32_t *b, int32_t *y)
{
    for (int32_t i = 0; i < *n; i++) {
        *y++ = tp_doubling_high_mul(a[i], b[i]);
        *y++ = tp_doubling_high_mul_by_halves(a[i], b[i]);
    }
}

/* y[*n][2][4]: four outputs of each channel as tp_several.h makes them, and one by one. */
void test_put_several(const int32_t *n, const tp_layer *layer, const tp_channel *channels, const int32_t *acc, const int32_t *taps,
                      int8_t *y)
{
    const tp_range range = tp_range_of(layer);
    for (int32_t i = 0; i < *n; i++) {
        tp_put_several(&range, &channels[i], 1, *taps, (const int32_t(*)[4])(acc + 4 * i), y + 8 * i, 1);
        for (int32_t k = 0; k < 4; k++) {
            y[8 * i + 4 + k] = tp_output_within(range, acc[4 * i + k], &channels[i]);
        }
    }
}

/* y[*n][25]: each instruction of tp_dsp.h on a[i] and b[i], in the order of the header. */
void test_dsp(const int32_t *n, const uint32_t *a, const uint32_t *b, uint32_t *y)
{
    static const char origin[1024];
    for (int32_t i = 0; i < *n; i++) {
        *y++ = (uint32_t)tp_smlad(a[i], b[i], 1);
        *y++ = tp_sxtb16(a[i]);
        *y++ = tp_sxtb16_ror8(a[i]);
        *y++ = tp_pkh_low_low(a[i], b[i]);
        *y++ = tp_pkh_low_high(a[i], b[i]);
        *y++ = tp_pkh_high_high(a[i], b[i]);
        *y++ = (uint32_t)tp_smmulr((int32_t)a[i], (int32_t)b[i]);
        *y++ = (uint32_t)tp_smmlar((int32_t)a[i], (int32_t)b[i], 1);
        *y++ = (uint32_t)tp_ssat8((int32_t)a[i]);
        *y++ = (uint32_t)tp_ssat16((int32_t)a[i]);
        *y++ = (uint32_t)tp_ssat8_asr21((int32_t)a[i]);
        *y++ = (uint32_t)tp_smlawb((int32_t)a[i], b[i], 1);
        *y++ = (uint32_t)tp_smlawt((int32_t)a[i], b[i], 1);
        *y++ = tp_pack4((int32_t)a[i], (int32_t)b[i], (int32_t)(a[i] >> 8), (int32_t)(b[i] >> 8));
        *y++ = tp_min4(a[i], b[i]);
        *y++ = tp_max4(a[i], b[i]);
        *y++ = (uint32_t)tp_smlabb(a[i], b[i], 1);
        *y++ = (uint32_t)tp_smlabt(a[i], b[i], 1);
        *y++ = (uint32_t)tp_smlatb(a[i], b[i], 1);
        *y++ = (uint32_t)tp_smlatt(a[i], b[i], 1);
        *y++ = (uint32_t)tp_limit((int32_t)a[i], -(int32_t)(b[i] >> 8), (int32_t)(b[i] >> 4));
        *y++ = (uint32_t)(tp_step0(origin, a[i]) - origin);
        *y++ = (uint32_t)(tp_step1(origin, a[i]) - origin);
        *y++ = (uint32_t)(tp_step2(origin, a[i]) - origin);
        *y++ = (uint32_t)(tp_step3(origin, a[i]) - origin);
    }
}

/* All rows of a depthwise and a pointwise layer in one loop, as generated code has them; layers[0] is the depthwise one. */
#define TEST_ROWS(depthwise, pointwise)                                                                                        \
    void test_rows_##depthwise##_##pointwise(const tp_five_rows *layers, const uint32_t *first, const uint32_t *second,        \
                                             int8_t *map, int8_t *row, void *scratch);                                         \
    void test_rows_##depthwise##_##pointwise(const tp_five_rows *layers, const uint32_t *first, const uint32_t *second,        \
                                             int8_t *map, int8_t *row, void *scratch)                                          \
    {                                                                                                                          \
        for (int32_t i = 0; i < layers[0].height; i++) {                                                                       \
            tp_depthwise_3x3_row_s8_##depthwise##_dsp(&layers[0], first, map, row, i);                                         \
            tp_conv_1x1_row_s8_##pointwise##_dsp(&layers[1], second, row, map, scratch, i);                                    \
        }                                                                                                                      \
    }
TEST_ROWS(dense, pairs)
TEST_ROWS(dense8, pairs8)
TEST_ROWS(dense, taps)
TEST_ROWS(dense, sp14)
TEST_ROWS(dense, exact)
TEST_ROWS(dense, duos)
TEST_ROWS(dense, duos_exact)
TEST_ROWS(dense, twins)

/* As long as *n is not 0. */
void test_never_returns(const volatile int32_t *n)
{
    while (*n != 0) {
    }
}

/* Kernels whose output may be their input. */
#define TEST_IN_PLACE(name)                                                                                                    \
    void test_in_place_##name(const tp_##name *layer, int8_t *map);                                                            \
    void test_in_place_##name(const tp_##name *layer, int8_t *map)                                                             \
    {                                                                                                                          \
        tp_##name##_s8_dense_c(layer, map, map);                                                                               \
    }
TEST_IN_PLACE(l2_normalization)
TEST_IN_PLACE(log_softmax)

void test_in_place_lookup(const tp_lookup *lookup, const int8_t *table, int8_t *map);
void test_in_place_lookup(const tp_lookup *lookup, const int8_t *table, int8_t *map)
{
    tp_lookup_s8_dense_c(lookup, table, map, map);
}

void test_in_place_softmax(const tp_softmax *softmax, int8_t *map, int32_t *scratch);
void test_in_place_softmax(const tp_softmax *softmax, int8_t *map, int32_t *scratch)
{
    tp_softmax_s8_dense_c(softmax, map, map, scratch);
}

void test_in_place_softmax_twice(const tp_softmax *softmax, int8_t *map);
void test_in_place_softmax_twice(const tp_softmax *softmax, int8_t *map)
{
    tp_softmax_s8_twice_c(softmax, map, map);
}

void test_in_place_softmax_table(const tp_softmax *softmax, const int32_t *exponentials, int8_t *map);
void test_in_place_softmax_table(const tp_softmax *softmax, const int32_t *exponentials, int8_t *map)
{
    tp_softmax_s8_table_c(softmax, exponentials, map, map);
}
