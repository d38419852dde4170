/* Runs the custom operator once, through init, prepare and invoke, on what standard input describes, in words:
 *
 *     options HEX                                        "-" for none
 *     tensor TYPE SCALE ZERO_POINT CONSTANT SHIFT HEX RANK SIZE...
 *                                                        type 0 int32, 1 int8, 2 int16; SCALE as 32 bits; SHIFT bytes off alignment
 *     inputs COUNT NUMBER...   outputs COUNT NUMBER...
 *     room PERSISTENT SCRATCH                            0: the arena has none
 *     run
 *
 * It prints "log TEXT" for each message, "status N" and "why REFUSAL" after prepare, and after invoke "output HEX" of the first output. Leaks of
 * temporary tensors and accesses beside buffers end it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tp_tflm_sparse.h"

extern "C" {
#include "tp_kernels_dsp.h"
}

#include "tensorflow/lite/micro/micro_context.h"
#include "tensorflow/lite/micro/micro_log.h"

#include "kernels.inc"

namespace {

constexpr int kTensors = 8;
constexpr size_t kWord = 1 << 22;

struct Held {
    TfLiteTensor tensor;
    TfLiteEvalTensor eval;
    TfLiteIntArray dims;
} held[kTensors];
int tensor_count, temporaries;
bool persistent_room = true, scratch_room = true;
void *scratch;
char word[kWord];

[[noreturn]] void fail(const char *what) {
    printf("harness: %s\n", what);
    exit(2);
}

const char *next() {
    if (scanf("%4194303s", word) != 1) {
        fail("more words were expected");
    }
    return word;
}

int number() { return static_cast<int>(strtoll(next(), nullptr, 10)); }

/* Exactly as many bytes as are given, so that the address sanitizer sees one more. */
char *bytes_of(const char *hex, size_t shift, size_t *count) {
    *count = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
    void *memory = nullptr;
    if (posix_memalign(&memory, 16, *count + shift) != 0) {
        fail("no memory");
    }
    char *bytes = static_cast<char *>(memory) + shift;
    for (size_t i = 0; i < *count; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = static_cast<char>(strtol(pair, nullptr, 16));
    }
    return bytes;
}

void read_tensor() {
    Held *one = &held[tensor_count++];
    TfLiteTensor *tensor = &one->tensor;
    tensor->type = static_cast<TfLiteType>(number());
    const uint32_t scale = static_cast<uint32_t>(strtoul(next(), nullptr, 10));
    memcpy(&tensor->params.scale, &scale, sizeof scale);
    tensor->params.zero_point = number();
    tensor->allocation_type = number() != 0 ? kTfLiteMmapRo : kTfLiteArenaRw;
    const size_t shift = static_cast<size_t>(number());
    tensor->data.data = bytes_of(next(), shift, &tensor->bytes);
    one->eval.data = tensor->data;
    one->dims.size = number();
    for (int i = 0; i < one->dims.size; i++) {
        one->dims.data[i] = number();
    }
    tensor->dims = &one->dims;
}

void read_numbers(TfLiteIntArray *array) {
    array->size = number();
    for (int i = 0; i < array->size; i++) {
        array->data[i] = number();
    }
}

void *allocate_persistent(TfLiteContext *, size_t bytes) { return persistent_room ? malloc(bytes) : nullptr; }

TfLiteStatus request_scratch(TfLiteContext *, size_t bytes, int *index) {
    *index = 7;
    return scratch_room && posix_memalign(&scratch, 16, bytes) == 0 ? kTfLiteOk : kTfLiteError;
}

void *get_scratch(TfLiteContext *, int index) { return index == 7 ? scratch : nullptr; }

TfLiteEvalTensor *get_eval(const TfLiteContext *, int index) { return &held[index].eval; }

int run(const char *options, size_t length, TfLiteNode *node) {
    TfLiteContext context = {allocate_persistent, request_scratch, get_scratch, get_eval};
    tp_tflm_use(kernels, sizeof kernels / sizeof kernels[0]);
    const TFLMRegistration registration = tp_tflm_registration();
    node->user_data = registration.init(&context, options, length);
    const TfLiteStatus status = registration.prepare(&context, node);
    printf("status %d\nwhy %s\n", status, tp_tflm_refusal() == nullptr ? "" : tp_tflm_refusal());
    if (temporaries != 0) {
        fail("temporary tensors are left");
    }
    if (status == kTfLiteOk && registration.invoke(&context, node) == kTfLiteOk) {
        const TfLiteTensor *output = &held[node->outputs->data[0]].tensor;
        printf("output ");
        for (size_t i = 0; i < output->bytes; i++) {
            printf("%02x", static_cast<unsigned char>(output->data.int8[i]));
        }
        printf("\n");
    }
    return 0;
}

}  // namespace

namespace tflite {

MicroContext *GetMicroContext(const TfLiteContext *) {
    static MicroContext one;
    return &one;
}

TfLiteTensor *MicroContext::AllocateTempTfLiteTensor(int index) {
    temporaries++;
    return &held[index].tensor;
}

void MicroContext::DeallocateTempTfLiteTensor(TfLiteTensor *) { temporaries--; }

}  // namespace tflite

void MicroPrintf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("log ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

int main() {
    TfLiteIntArray inputs = {}, outputs = {};
    TfLiteNode node = {&inputs, &outputs, nullptr};
    const char *options = nullptr;
    size_t length = 0;
    for (;;) {
        const char *what = next();
        if (strcmp(what, "options") == 0) {
            options = bytes_of(next(), 1, &length); /* a model aligns them to nothing */
        } else if (strcmp(what, "tensor") == 0) {
            read_tensor();
        } else if (strcmp(what, "inputs") == 0) {
            read_numbers(&inputs);
        } else if (strcmp(what, "outputs") == 0) {
            read_numbers(&outputs);
        } else if (strcmp(what, "room") == 0) {
            persistent_room = number() != 0;
            scratch_room = number() != 0;
        } else if (strcmp(what, "run") == 0) {
            return run(length == 0 ? nullptr : options, length, &node);
        } else {
            fail(what);
        }
    }
}
