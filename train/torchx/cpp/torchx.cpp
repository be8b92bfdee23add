// What tch does not reach: autocast by device and dtype, memory formats, copies that do not wait, whether CUDA kernels are
// in the process.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include "guard.h"

using at::Tensor;

extern "C" {

// device: 0 CPU, 1 CUDA. Returns the former state packed as (dtype << 1) | enabled.
int tx_autocast_enter(int device, int scalar_type) {
  auto d = static_cast<at::DeviceType>(device);
  int former = (static_cast<int>(at::autocast::get_autocast_dtype(d)) << 1) |
               static_cast<int>(at::autocast::is_autocast_enabled(d));
  at::autocast::set_autocast_dtype(d, static_cast<at::ScalarType>(scalar_type));
  at::autocast::set_autocast_enabled(d, true);
  at::autocast::increment_nesting();
  return former;
}

void tx_autocast_exit(int device, int former) {
  auto d = static_cast<at::DeviceType>(device);
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(d, former & 1);
  at::autocast::set_autocast_dtype(d, static_cast<at::ScalarType>(former >> 1));
}

char *tx_channels_last(Tensor *t, Tensor **out) {
  return guard([&] { *out = new Tensor(t->contiguous(at::MemoryFormat::ChannelsLast)); });
}

// Copies a CPU tensor to the first CUDA device, from pinned memory and without waiting for the stream.
char *tx_upload(Tensor *t, Tensor **out) {
  return guard([&] { *out = new Tensor(t->pin_memory().to(at::Device(at::kCUDA, 0), /*non_blocking=*/true)); });
}

int tx_is_channels_last(Tensor *t) { return t->is_contiguous(at::MemoryFormat::ChannelsLast); }

int tx_has_cuda_kernels() {
  auto mm = c10::Dispatcher::singleton().findSchema({"aten::mm", ""});
  return mm && mm->hasKernelForDispatchKey(c10::DispatchKey::CUDA);
}
}
