/* A test double: of TFLite Micro's types, those and only what of them our custom operator uses, written for these tests. Names and
 * meaning are TFLite Micro's, layout and values are not. */
#ifndef DOUBLE_COMMON_H
#define DOUBLE_COMMON_H

#include <stddef.h>
#include <stdint.h>

enum TfLiteStatus { kTfLiteOk, kTfLiteError };
enum TfLiteType { kTfLiteInt32, kTfLiteInt8, kTfLiteInt16 };
enum TfLiteAllocationType { kTfLiteMmapRo, kTfLiteArenaRw };

struct TfLiteIntArray {
    int size;
    int data[8];
};

union TfLitePtrUnion {
    void *data;
    int8_t *int8;
};

struct TfLiteTensor {
    TfLiteType type;
    TfLitePtrUnion data;
    TfLiteIntArray *dims;
    struct {
        float scale;
        int32_t zero_point;
    } params;
    TfLiteAllocationType allocation_type;
    size_t bytes;
};

struct TfLiteEvalTensor {
    TfLitePtrUnion data;
};

struct TfLiteNode {
    TfLiteIntArray *inputs, *outputs;
    void *user_data;
};

struct TfLiteContext {
    void *(*AllocatePersistentBuffer)(TfLiteContext *context, size_t bytes);
    TfLiteStatus (*RequestScratchBufferInArena)(TfLiteContext *context, size_t bytes, int *index);
    void *(*GetScratchBuffer)(TfLiteContext *context, int index);
    TfLiteEvalTensor *(*GetEvalTensor)(const TfLiteContext *context, int index);
};

#endif
