// The base of all kernels. A kernel is a struct: its constructor reads the attributes, its call operator computes. A static `Op` registers it. It uses only
// TensorFlow's C interface, which is stable across versions. All tensors are float32, int32 or uint8, dense, NHWC.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include "tensorflow/c/c_api.h"
#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"

namespace winnow {

using Dims = std::vector<int64_t>;

inline int64_t sizeOf(const Dims& dims) {
  int64_t size = 1;
  for (int64_t d : dims) size *= d;
  return size;
}

// The attributes of an op, available while a kernel is constructed.
class Attributes {
 public:
  explicit Attributes(TF_OpKernelConstruction* construction) : construction_(construction), status_(TF_NewStatus()) {}
  ~Attributes() { TF_DeleteStatus(status_); }
  int64_t integer(const char* name) {
    int64_t value = 0;
    TF_OpKernelConstruction_GetAttrInt64(construction_, name, &value, status_);
    return checked(value);
  }
  float number(const char* name) {
    float value = 0;
    TF_OpKernelConstruction_GetAttrFloat(construction_, name, &value, status_);
    return checked(value);
  }
  bool flag(const char* name) {
    unsigned char value = 0;
    TF_OpKernelConstruction_GetAttrBool(construction_, name, &value, status_);
    return checked(value) != 0;
  }

 private:
  template <class T> T checked(T value) {
    if (TF_GetCode(status_) != TF_OK) TF_OpKernelConstruction_Failure(construction_, status_);
    return value;
  }
  TF_OpKernelConstruction* construction_;
  TF_Status* status_;
};

// One call of a kernel. Inputs are read-only and valid until the call ends.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus()), inputs_(TF_NumInputs(context), nullptr) {}
  ~Call() {
    for (TF_Tensor* t : inputs_) if (t) TF_DeleteTensor(t);
    for (TF_Tensor* t : outputs_) TF_DeleteTensor(t);
    TF_DeleteStatus(status_);
  }
  Dims dims(int i) {
    TF_Tensor* t = tensor(i);
    Dims dims(TF_NumDims(t));
    for (size_t d = 0; d < dims.size(); d++) dims[d] = TF_Dim(t, static_cast<int>(d));
    return dims;
  }
  int64_t size(int i) { return TF_TensorElementCount(tensor(i)); }
  template <class T = float> const T* input(int i) { return static_cast<const T*>(TF_TensorData(tensor(i))); }
  // Allocates an output; its memory is not initialised. Returns nullptr if memory is exhausted: the call has then failed.
  template <class T = float> T* output(int i, const Dims& dims, TF_DataType type = TF_FLOAT) {
    TF_Tensor* t = TF_AllocateOutput(context_, i, type, dims.data(), static_cast<int>(dims.size()), sizeOf(dims) * sizeof(T), status_);
    return taken<T>(t);
  }
  // Allocates temporary memory for the duration of the call, from TensorFlow's allocator.
  template <class T = float> T* scratch(int64_t elements) {
    TF_AllocatorAttributes attributes{TF_ALLOCATOR_ATTRIBUTES_STRUCT_SIZE, 1};
    int64_t bytes = elements * static_cast<int64_t>(sizeof(T));
    TF_Tensor* t = TF_AllocateTemp(context_, TF_UINT8, &bytes, 1, &attributes, status_);
    return taken<T>(t);
  }
  bool failed() const { return failed_; }
  void fail(const std::string& why) {
    TF_SetStatus(status_, TF_INVALID_ARGUMENT, why.c_str());
    failed_ = true;
    TF_OpKernelContext_Failure(context_, status_);
  }

 private:
  TF_Tensor* tensor(int i) {
    if (!inputs_[i]) TF_GetInput(context_, i, &inputs_[i], status_);
    return inputs_[i];
  }
  template <class T> T* taken(TF_Tensor* t) {
    if (TF_GetCode(status_) != TF_OK || !t) {
      failed_ = true;
      TF_OpKernelContext_Failure(context_, status_);
      return nullptr;
    }
    outputs_.push_back(t);
    return static_cast<T*>(TF_TensorData(t));
  }
  TF_OpKernelContext* context_;
  TF_Status* status_;
  std::vector<TF_Tensor*> inputs_, outputs_;
  bool failed_ = false;
};

// The names of the registered ops, for JavaScript.
inline std::vector<std::string>& registered() {
  static std::vector<std::string> names;
  return names;
}

// `inputs` and `outputs` as "x: float", `attributes` as "stride: int".
template <class Kernel> class Op {
 public:
  Op(const char* name, std::vector<const char*> inputs, std::vector<const char*> outputs, std::vector<const char*> attributes = {}) {
    TF_Status* status = TF_NewStatus();
    TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder(name);
    for (const char* a : attributes) TF_OpDefinitionBuilderAddAttr(op, a);
    for (const char* i : inputs) TF_OpDefinitionBuilderAddInput(op, i);
    for (const char* o : outputs) TF_OpDefinitionBuilderAddOutput(op, o);
    TF_OpDefinitionBuilderSetShapeInferenceFunction(op, [](TF_ShapeInferenceContext* c, TF_Status* s) { TF_ShapeInferenceContextSetUnknownShape(c, s); });
    TF_RegisterOpDefinition(op, status);
    if (TF_GetCode(status) == TF_OK) {
      TF_KernelBuilder* kernel = TF_NewKernelBuilder(name, "CPU", make, run, drop);
      TF_RegisterKernelBuilder(name, kernel, status);
    }
    if (TF_GetCode(status) == TF_OK) registered().push_back(name);
    TF_DeleteStatus(status);
  }

 private:
  static void* make(TF_OpKernelConstruction* construction) {
    Attributes attributes(construction);
    return new Kernel(attributes);
  }
  static void run(void* kernel, TF_OpKernelContext* context) {
    Call call(context);
    (*static_cast<const Kernel*>(kernel))(call);
  }
  static void drop(void* kernel) { delete static_cast<Kernel*>(kernel); }
};

}  // namespace winnow
