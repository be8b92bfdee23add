// Batch-norm, an optional sum with a residual, and relu in one pass each way, on the CPU.
//
// x is rows×C f32 (an N×C×H×W tensor laid out channels-last, rows = N·H·W). libtorch runs the three as separate passes
// over tensors of tens of megabytes; on narrow networks they cost as much as the convolutions.
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <optional>
#include <vector>

#include "guard.h"

// One build for every x86-64 processor: the widest vectors are chosen when the program is loaded.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDEST __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define WIDEST
#endif

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

constexpr int64_t LANES = 16;  // channels done together: one 512-bit register of f32
constexpr int64_t TILE = 64;   // rows done together: they stay in the first-level cache, and f32 sums stay exact enough

struct Rows {
  const float *x, *y, *dy;  // y and dy: backward only
  int64_t channels;
};

// Adds per-channel sums of x and x² over rows [from, to) to `sums` (C of one, then C of the other).
WIDEST void add_moments(Rows r, int64_t from, int64_t to, double *sums) {
  for (int64_t tile = from; tile < to; tile += TILE) {
    int64_t end = std::min(tile + TILE, to);
    for (int64_t c = 0; c < r.channels; c += LANES) {
      int64_t lanes = std::min(LANES, r.channels - c);
      float sum[LANES] = {}, square[LANES] = {};
      if (lanes == LANES) {
        for (int64_t row = tile; row < end; row++) {
          const float *x = r.x + row * r.channels + c;
          for (int64_t l = 0; l < LANES; l++) {
            sum[l] += x[l];
            square[l] += x[l] * x[l];
          }
        }
      } else {
        for (int64_t row = tile; row < end; row++)
          for (int64_t l = 0; l < lanes; l++) {
            float x = r.x[row * r.channels + c + l];
            sum[l] += x;
            square[l] += x * x;
          }
      }
      for (int64_t l = 0; l < lanes; l++) {
        sums[c + l] += sum[l];
        sums[r.channels + c + l] += square[l];
      }
    }
  }
}

// y = relu(x·a + b + residual), per channel a and b; residual may be null. NaN stays NaN, here and below, as in libtorch.
WIDEST void normalise(Rows r, const float *residual, const float *a, const float *b, float *y, int64_t from, int64_t to) {
  for (int64_t row = from; row < to; row++) {
    const float *x = r.x + row * r.channels;
    float *out = y + row * r.channels;
    if (residual) {
      const float *add = residual + row * r.channels;
      for (int64_t c = 0; c < r.channels; c++) {
        float v = x[c] * a[c] + b[c] + add[c];
        out[c] = v < 0 ? 0 : v;
      }
    } else {
      for (int64_t c = 0; c < r.channels; c++) {
        float v = x[c] * a[c] + b[c];
        out[c] = v < 0 ? 0 : v;
      }
    }
  }
}

// With g = dy where not y ≤ 0: adds per-channel sums of g and g·x over rows [from, to) to `sums`.
WIDEST void add_gradient_moments(Rows r, int64_t from, int64_t to, double *sums) {
  for (int64_t tile = from; tile < to; tile += TILE) {
    int64_t end = std::min(tile + TILE, to);
    for (int64_t c = 0; c < r.channels; c += LANES) {
      int64_t lanes = std::min(LANES, r.channels - c);
      float sum[LANES] = {}, product[LANES] = {};
      if (lanes == LANES) {
        for (int64_t row = tile; row < end; row++) {
          int64_t at = row * r.channels + c;
          const float *x = r.x + at, *y = r.y + at, *dy = r.dy + at;
          for (int64_t l = 0; l < LANES; l++) {
            float d = dy[l], g = y[l] <= 0 ? 0 : d;
            sum[l] += g;
            product[l] += g * x[l];
          }
        }
      } else {
        for (int64_t row = tile; row < end; row++)
          for (int64_t l = 0; l < lanes; l++) {
            int64_t at = row * r.channels + c + l;
            float g = r.y[at] <= 0 ? 0 : r.dy[at];
            sum[l] += g;
            product[l] += g * r.x[at];
          }
      }
      for (int64_t l = 0; l < lanes; l++) {
        sums[c + l] += sum[l];
        sums[r.channels + c + l] += product[l];
      }
    }
  }
}

// dx = a·g + k·x + m per channel; g itself goes to `residual` when that is not null.
WIDEST void pull_back(Rows r, const float *a, const float *k, const float *m, float *dx, float *residual, int64_t from, int64_t to) {
  for (int64_t row = from; row < to; row++) {
    int64_t at = row * r.channels;
    const float *x = r.x + at, *y = r.y + at, *dy = r.dy + at;
    float *out = dx + at;
    if (residual) {
      float *g_out = residual + at;
      for (int64_t c = 0; c < r.channels; c++) {
        float d = dy[c], g = y[c] <= 0 ? 0 : d;
        g_out[c] = g;
        out[c] = a[c] * g + k[c] * x[c] + m[c];
      }
    } else {
      for (int64_t c = 0; c < r.channels; c++) {
        float d = dy[c], g = y[c] <= 0 ? 0 : d;
        out[c] = a[c] * g + k[c] * x[c] + m[c];
      }
    }
  }
}

// Sums over all rows; each thread has its own part and parts are added in order, so a thread count gives one result.
template <class F>
std::vector<double> over_rows(int64_t rows, int64_t channels, F &&add) {
  int64_t parts = std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), rows / 1024));
  std::vector<double> sums(parts * 2 * channels, 0.0);
  at::parallel_for(0, parts, 1, [&](int64_t from, int64_t to) {
    for (int64_t part = from; part < to; part++)
      add(rows * part / parts, rows * (part + 1) / parts, sums.data() + part * 2 * channels);
  });
  for (int64_t part = 1; part < parts; part++)
    for (int64_t i = 0; i < 2 * channels; i++) sums[i] += sums[part * 2 * channels + i];
  return sums;
}

int64_t rows_of(const Tensor &x) { return x.numel() / x.size(1); }
constexpr int64_t GRAIN = 2048;

struct BatchNormRelu : torch::autograd::Function<BatchNormRelu> {
  static Tensor forward(AutogradContext *ctx, const Tensor &input, const Tensor &scale, const Tensor &shift, Tensor mean_seen,
                        Tensor variance_seen, const std::optional<Tensor> &add_to, double step, double epsilon) {
    Tensor x = input.contiguous(at::MemoryFormat::ChannelsLast);
    Tensor residual = add_to ? add_to->contiguous(at::MemoryFormat::ChannelsLast) : Tensor();
    int64_t rows = rows_of(x), channels = x.size(1);
    Rows r{x.const_data_ptr<float>(), nullptr, nullptr, channels};
    auto sums = over_rows(rows, channels, [&](int64_t from, int64_t to, double *s) { add_moments(r, from, to, s); });
    Tensor mean = at::empty({channels}, at::kDouble), inverse = at::empty({channels}, at::kDouble);
    std::vector<float> a(channels), b(channels);
    double *mean_out = mean.mutable_data_ptr<double>(), *inverse_out = inverse.mutable_data_ptr<double>();
    const float *gamma = scale.const_data_ptr<float>(), *beta = shift.const_data_ptr<float>();
    float *mean_run = mean_seen.mutable_data_ptr<float>(), *variance_run = variance_seen.mutable_data_ptr<float>();
    for (int64_t c = 0; c < channels; c++) {
      double m = sums[c] / rows, variance = sums[channels + c] / rows - m * m;
      if (variance < 0) variance = 0;
      mean_out[c] = m;
      inverse_out[c] = 1 / std::sqrt(variance + epsilon);
      a[c] = static_cast<float>(gamma[c] * inverse_out[c]);
      b[c] = static_cast<float>(beta[c] - m * gamma[c] * inverse_out[c]);
      mean_run[c] += static_cast<float>(step * (m - mean_run[c]));
      // The running variance is unbiased, as libtorch's.
      variance_run[c] += static_cast<float>(step * (variance * rows / std::max<int64_t>(1, rows - 1) - variance_run[c]));
    }
    Tensor y = at::empty_like(x);
    float *out = y.mutable_data_ptr<float>();
    const float *add = residual.defined() ? residual.const_data_ptr<float>() : nullptr;
    at::parallel_for(0, rows, GRAIN, [&](int64_t from, int64_t to) { normalise(r, add, a.data(), b.data(), out, from, to); });
    ctx->save_for_backward({x, y, scale, mean, inverse});
    ctx->saved_data["residual"] = residual.defined();
    return y;
  }

  static variable_list backward(AutogradContext *ctx, variable_list gradients) {
    auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &y = saved[1], &scale = saved[2];
    Tensor dy = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    int64_t rows = rows_of(x), channels = x.size(1);
    Rows r{x.const_data_ptr<float>(), y.const_data_ptr<float>(), dy.const_data_ptr<float>(), channels};
    auto sums = over_rows(rows, channels, [&](int64_t from, int64_t to, double *s) { add_gradient_moments(r, from, to, s); });
    Tensor d_scale = at::empty({channels}, at::kFloat), d_shift = at::empty({channels}, at::kFloat);
    std::vector<float> a(channels), k(channels), m(channels);
    const double *mean = saved[3].const_data_ptr<double>(), *inverse = saved[4].const_data_ptr<double>();
    const float *gamma = scale.const_data_ptr<float>();
    for (int64_t c = 0; c < channels; c++) {
      double g = sums[c], g_normal = (sums[channels + c] - mean[c] * g) * inverse[c];
      d_shift.mutable_data_ptr<float>()[c] = static_cast<float>(g);
      d_scale.mutable_data_ptr<float>()[c] = static_cast<float>(g_normal);
      // dx = γ·i·(g − mean g − x̂·mean(g·x̂)) with x̂ = (x − mean)·i, multiplied out in x.
      double gain = gamma[c] * inverse[c];
      a[c] = static_cast<float>(gain);
      k[c] = static_cast<float>(-gain * inverse[c] * g_normal / rows);
      m[c] = static_cast<float>(-gain * g / rows + gain * inverse[c] * mean[c] * g_normal / rows);
    }
    Tensor dx = at::empty_like(x), d_residual;
    if (ctx->saved_data["residual"].toBool()) d_residual = at::empty_like(x);
    float *out = dx.mutable_data_ptr<float>();
    float *g_out = d_residual.defined() ? d_residual.mutable_data_ptr<float>() : nullptr;
    at::parallel_for(0, rows, GRAIN, [&](int64_t from, int64_t to) { pull_back(r, a.data(), k.data(), m.data(), out, g_out, from, to); });
    return {dx, d_scale, d_shift, Tensor(), Tensor(), d_residual, Tensor(), Tensor()};
  }
};

// The loops read memory as they find it, so everything about it is checked before them.
void check_is_row(const char *name, const Tensor &row, int64_t channels) {
  TORCH_CHECK(row.defined() && row.is_cpu() && row.scalar_type() == at::kFloat && row.is_contiguous(), "batch_norm_relu: the ", name, " is not contiguous f32 on the CPU");
  TORCH_CHECK(row.dim() == 1 && row.size(0) == channels, "batch_norm_relu: ", row.sizes(), " is no ", name, " for ", channels, " channels");
}

void check_is_picture(const char *name, const Tensor &x) {
  TORCH_CHECK(x.defined() && x.dim() == 4 && x.numel() > 0 && x.scalar_type() == at::kFloat && x.is_cpu(), "batch_norm_relu: the ", name, " is not N×C×H×W f32 on the CPU");
}

}  // namespace

extern "C" char *tx_batch_norm_relu(Tensor *x, Tensor *scale, Tensor *shift, Tensor *mean, Tensor *variance, Tensor *residual,
                                    double step, double epsilon, Tensor **out) {
  return guard([&] {
    check_is_picture("input", *x);
    check_is_row("scale", *scale, x->size(1));
    check_is_row("shift", *shift, x->size(1));
    check_is_row("running mean", *mean, x->size(1));
    check_is_row("running variance", *variance, x->size(1));
    if (residual) {
      check_is_picture("residual", *residual);
      TORCH_CHECK(residual->sizes() == x->sizes(), "batch_norm_relu: the residual is ", residual->sizes(), ", the input ", x->sizes());
    }
    *out = new Tensor(BatchNormRelu::apply(*x, *scale, *shift, *mean, *variance, residual ? std::optional<Tensor>(*residual) : std::nullopt, step, epsilon));
  });
}
