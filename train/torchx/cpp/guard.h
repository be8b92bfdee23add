// Turns exceptions into messages: every function that can fail returns null or a malloc'd text that the caller frees.
#pragma once
#include <c10/util/Exception.h>
#include <cstdlib>
#include <cstring>
#include <exception>

template <class F>
static char *guard(F &&f) noexcept {
  try {
    f();
    return nullptr;
  } catch (const c10::Error &e) {
    return strdup(e.what_without_backtrace());
  } catch (const std::exception &e) {
    return strdup(e.what());
  } catch (...) {
    return strdup("unknown C++ exception");
  }
}
