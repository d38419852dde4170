/* A test double, see c/common.h. */
#ifndef DOUBLE_MICRO_COMMON_H
#define DOUBLE_MICRO_COMMON_H

#include "tensorflow/lite/c/common.h"

struct TFLMRegistration {
    void *(*init)(TfLiteContext *context, const char *buffer, size_t length);
    TfLiteStatus (*prepare)(TfLiteContext *context, TfLiteNode *node);
    TfLiteStatus (*invoke)(TfLiteContext *context, TfLiteNode *node);
};

#endif
