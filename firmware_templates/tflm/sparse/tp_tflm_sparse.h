/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Sparse convolutions and fully connected layers as a custom operator of TFLite Micro:
 *
 *     static const tp_tflm_kernel kernels[] = {{"tp_conv_1x1_s8_sp24_dsp", true, call_it}};
 *     tp_tflm_use(kernels, 1);
 *     static const TFLMRegistration sparse = tp_tflm_registration();
 *     resolver.AddCustom(TP_TFLM_OPERATOR, &sparse);
 *
 * Inputs of the operator: the map, int8; the packed weights, a constant; for kernels that take channels, those, a constant of
 * int32 [out_channels][3]. One output: a map, int8. Maps are [1][height][width][channels], of fully connected layers any shape
 * of as many elements. Everything else is in its custom options, a tp_tflm_options; docs/formats.md of tinyprune describes them.
 */
#ifndef TP_TFLM_SPARSE_H
#define TP_TFLM_SPARSE_H

#include <stddef.h>
#include <stdint.h>

#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_common.h"

extern "C" {
#include "tp_kernels.h"
}

#define TP_TFLM_OPERATOR "TinypruneSparseConv2D"

/* The layout of tp_tflm_options. A runtime refuses what is newer than itself. */
constexpr uint32_t TP_TFLM_VERSION = 2;
constexpr uint32_t TP_TFLM_MAGIC = 0x43535054; /* "TPSC" */

/* Little-endian, 148 bytes. */
struct tp_tflm_options {
    uint32_t magic;
    uint32_t version;
    uint32_t bytes; /* of these options */
    uint32_t weights_bytes;
    uint32_t scratch_bytes;
    float input_scale, output_scale; /* zero points are in `layer` */
    tp_layer layer;
    char kernel[48]; /* a name of runtime/include/tp_kernels*.h, ended by 0 */
};

/* A kernel that this firmware has. `channels` is NULL where it takes none. */
struct tp_tflm_kernel {
    const char *name;
    bool takes_channels;
    void (*call)(const tp_layer *layer, const void *weights, const tp_channel *channels, const int8_t *input, int8_t *output,
                 void *scratch);
};

/* Which kernels there are; the array must stay. */
void tp_tflm_use(const tp_tflm_kernel *kernels, size_t count);

TFLMRegistration tp_tflm_registration();

/* Why the last layer was refused, in short, or NULL: for a TFLite Micro that was built without messages. */
const char *tp_tflm_refusal();

#endif
