/* A test double, see c/common.h. */
#ifndef DOUBLE_MICRO_CONTEXT_H
#define DOUBLE_MICRO_CONTEXT_H

#include "tensorflow/lite/c/common.h"

namespace tflite {

class MicroContext {
  public:
    TfLiteTensor *AllocateTempTfLiteTensor(int index);
    void DeallocateTempTfLiteTensor(TfLiteTensor *tensor);
};

MicroContext *GetMicroContext(const TfLiteContext *context);

}  // namespace tflite

#endif
