/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_tflm_sparse.h"

#include <string.h>

#include "tensorflow/lite/micro/micro_context.h"
#include "tensorflow/lite/micro/micro_log.h"

static_assert(sizeof(tp_tflm_options) == 148 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "docs/formats.md");

namespace {

const tp_tflm_kernel *known_kernels;
size_t known_count;
const char *refusal;

/* What a node keeps in the arena. `given` is how many bytes of options its model has. */
struct Node {
    tp_tflm_options options;
    size_t given;
    const tp_tflm_kernel *kernel;
    int scratch; /* handle, or -1 */
};

/* A tensor as Prepare sees it; given back at the end of the block. */
class Tensor {
  public:
    Tensor(TfLiteContext *context, int index)
        : micro_(tflite::GetMicroContext(context)), tensor_(micro_->AllocateTempTfLiteTensor(index)) {}
    ~Tensor() {
        if (tensor_ != nullptr) {
            micro_->DeallocateTempTfLiteTensor(tensor_);
        }
    }
    Tensor(const Tensor &) = delete;
    Tensor &operator=(const Tensor &) = delete;
    const TfLiteTensor *get() const { return tensor_; }

  private:
    tflite::MicroContext *micro_;
    TfLiteTensor *tensor_;
};

/* For what has been told in full. */
bool refused(const char *in_short) {
    refusal = in_short;
    return false;
}

bool refuse(const char *what) {
    MicroPrintf(TP_TFLM_OPERATOR ": %s", what);
    return refused(what);
}

bool refuse_map(const char *which, const char *what) {
    MicroPrintf(TP_TFLM_OPERATOR ": the %s %s", which, what);
    (void)which, (void)what;
    return refused("a sparse layer's map is of another type, shape or quantization than the layer");
}

bool refuse_constant(const char *which, const char *what) {
    MicroPrintf(TP_TFLM_OPERATOR ": the %s %s", which, what);
    (void)which, (void)what;
    return refused("a sparse layer's constants are of another size or alignment than the layer");
}

const tp_tflm_kernel *find_kernel(const tp_tflm_options &options) {
    for (size_t i = 0; i < known_count; i++) {
        if (strncmp(known_kernels[i].name, options.kernel, sizeof options.kernel) == 0) {
            return &known_kernels[i];
        }
    }
    return nullptr;
}

bool check_version(const Node &node) {
    const tp_tflm_options &options = node.options;
    if (node.given < 3 * sizeof(uint32_t) || options.magic != TP_TFLM_MAGIC) {
        return refuse("the custom options are not tinyprune's");
    }
    if (options.version > TP_TFLM_VERSION) {
        MicroPrintf(TP_TFLM_OPERATOR ": the model has format %d, this firmware reads up to %d",
                    static_cast<int>(options.version), static_cast<int>(TP_TFLM_VERSION));
        return refuse("the model was made by a newer tinyprune: build the firmware with that");
    }
    if (options.version > 0 && options.version < TP_TFLM_VERSION) {
        return refuse("the model was made by an older tinyprune, whose weights are scaled otherwise: build it again");
    }
    if (options.version != TP_TFLM_VERSION || options.bytes != sizeof options || node.given != sizeof options) {
        return refuse("the custom options are damaged");
    }
    if (options.kernel[sizeof options.kernel - 1] != '\0') {
        return refuse("the kernel's name is damaged");
    }
    return true;
}

bool within(int32_t value, int32_t low, int32_t high) { return low <= value && value <= high; }

/* What the kernels ask of a tp_layer; sides as the reader of tinyprune allows them. */
bool check_layer(const tp_tflm_options &options) {
    const tp_layer &layer = options.layer;
    const int32_t sizes[] = {layer.in_height,     layer.in_width,      layer.in_channels,     layer.out_height,
                             layer.out_width,     layer.out_channels,  layer.kernel_height,   layer.kernel_width,
                             layer.stride_height, layer.stride_width,  layer.dilation_height, layer.dilation_width};
    for (const int32_t size : sizes) {
        if (!within(size, 1, 1 << 15)) {
            return refuse("a size, stride or dilation is out of range");
        }
    }
    if (!within(layer.pad_top, 0, 1 << 15) || !within(layer.pad_left, 0, 1 << 15)) {
        return refuse("the padding is out of range");
    }
    if (!within(layer.activation_min, -128, layer.activation_max) || layer.activation_max > 127 ||
        !within(layer.input_zero_point, -128, 127) || !within(layer.output_zero_point, -128, 127)) {
        return refuse("a zero point or a bound of the output is out of range");
    }
    if (options.scratch_bytes > 1u << 24) {
        return refuse("the scratch is out of range");
    }
    return true;
}

bool has_shape(const TfLiteIntArray *dims, int32_t height, int32_t width, int32_t channels) {
    if (dims == nullptr || dims->size < 1 || dims->data[0] != 1) {
        return false;
    }
    if (dims->size == 4 && dims->data[1] == height && dims->data[2] == width && dims->data[3] == channels) {
        return true;
    }
    int64_t elements = 1; /* fully connected: any shape */
    for (int i = 1; i < dims->size; i++) {
        elements *= dims->data[i];
    }
    return height == 1 && elements == static_cast<int64_t>(width) * channels;
}

bool check_map(const TfLiteTensor *map, const char *which, const int32_t (&shape)[3], float scale, int32_t zero_point) {
    if (map == nullptr || map->type != kTfLiteInt8) {
        return refuse_map(which, "must be int8");
    }
    if (!has_shape(map->dims, shape[0], shape[1], shape[2])) {
        MicroPrintf(TP_TFLM_OPERATOR ": 1x%dx%dx%d is wanted", static_cast<int>(shape[0]), static_cast<int>(shape[1]),
                    static_cast<int>(shape[2]));
        return refuse_map(which, "has another shape than the layer");
    }
    if (map->params.zero_point != zero_point || memcmp(&map->params.scale, &scale, sizeof scale) != 0) {
        return refuse_map(which, "has another scale or zero point than the layer");
    }
    return true;
}

bool check_constant(const TfLiteTensor *constant, size_t bytes, const char *which) {
    if (constant == nullptr || constant->data.data == nullptr || constant->allocation_type != kTfLiteMmapRo) {
        return refuse_constant(which, "must be constant");
    }
    if (constant->bytes != bytes) {
        MicroPrintf(TP_TFLM_OPERATOR ": %d bytes, not %d", static_cast<int>(constant->bytes), static_cast<int>(bytes));
        return refuse_constant(which, "are of another size than the layer's");
    }
    if (reinterpret_cast<uintptr_t>(constant->data.data) % alignof(uint32_t) != 0) {
        return refuse_constant(which, "are not aligned to 4 bytes: align the model to 16");
    }
    return true;
}

bool check_tensors(TfLiteContext *context, const TfLiteNode *node, const Node &kept) {
    const tp_tflm_options &options = kept.options;
    const tp_layer &layer = options.layer;
    const int wanted = kept.kernel->takes_channels ? 3 : 2;
    if (node->inputs->size != wanted || node->outputs->size != 1) {
        MicroPrintf(TP_TFLM_OPERATOR ": %d inputs, not %d", node->inputs->size, wanted);
        return refuse("a sparse layer has too few or too many inputs or outputs");
    }
    const Tensor input(context, node->inputs->data[0]), weights(context, node->inputs->data[1]);
    const Tensor output(context, node->outputs->data[0]);
    if (!check_map(input.get(), "input", {layer.in_height, layer.in_width, layer.in_channels}, options.input_scale,
                   layer.input_zero_point) ||
        !check_map(output.get(), "output", {layer.out_height, layer.out_width, layer.out_channels}, options.output_scale,
                   layer.output_zero_point) ||
        !check_constant(weights.get(), options.weights_bytes, "weights")) {
        return false;
    }
    if (kept.kernel->takes_channels) {
        const Tensor channels(context, node->inputs->data[2]);
        return check_constant(channels.get(), static_cast<size_t>(layer.out_channels) * sizeof(tp_channel), "channels");
    }
    return true;
}

void *init(TfLiteContext *context, const char *buffer, size_t length) {
    Node *node = static_cast<Node *>(context->AllocatePersistentBuffer(context, sizeof(Node)));
    if (node != nullptr) {
        memset(node, 0, sizeof *node);
        node->given = buffer == nullptr ? 0 : length;
        if (buffer != nullptr) {
            memcpy(&node->options, buffer, length < sizeof node->options ? length : sizeof node->options);
        }
    }
    return node;
}

TfLiteStatus prepare(TfLiteContext *context, TfLiteNode *node) {
    Node *kept = static_cast<Node *>(node->user_data);
    if (kept == nullptr) {
        refuse("the arena has no room for the layer");
        return kTfLiteError;
    }
    if (!check_version(*kept) || !check_layer(kept->options)) {
        return kTfLiteError;
    }
    kept->kernel = find_kernel(kept->options);
    if (kept->kernel == nullptr) {
        MicroPrintf(TP_TFLM_OPERATOR ": the kernel %s is wanted", kept->options.kernel);
        refuse("this firmware lacks the kernel of a sparse layer: build it again from this model");
        return kTfLiteError;
    }
    if (!check_tensors(context, node, *kept)) {
        return kTfLiteError;
    }
    kept->scratch = -1;
    if (kept->options.scratch_bytes > 0 &&
        context->RequestScratchBufferInArena(context, kept->options.scratch_bytes, &kept->scratch) != kTfLiteOk) {
        refuse("the arena has no room for the scratch");
        return kTfLiteError;
    }
    return kTfLiteOk;
}

TfLiteStatus invoke(TfLiteContext *context, TfLiteNode *node) {
    const Node *kept = static_cast<const Node *>(node->user_data);
    const int *inputs = node->inputs->data;
    const tp_channel *channels = nullptr;
    if (kept->kernel->takes_channels) {
        channels = static_cast<const tp_channel *>(context->GetEvalTensor(context, inputs[2])->data.data);
    }
    kept->kernel->call(&kept->options.layer, context->GetEvalTensor(context, inputs[1])->data.data, channels,
                       context->GetEvalTensor(context, inputs[0])->data.int8,
                       context->GetEvalTensor(context, node->outputs->data[0])->data.int8,
                       kept->scratch < 0 ? nullptr : context->GetScratchBuffer(context, kept->scratch));
    return kTfLiteOk;
}

}  // namespace

void tp_tflm_use(const tp_tflm_kernel *kernels, size_t count) {
    known_kernels = kernels;
    known_count = count;
}

const char *tp_tflm_refusal() { return refusal; }

TFLMRegistration tp_tflm_registration() {
    TFLMRegistration registration = {};
    registration.init = init;
    registration.prepare = prepare;
    registration.invoke = invoke;
    return registration;
}
