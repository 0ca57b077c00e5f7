// The door between C++ and JavaScript: no C++ exception passes it other than as an Error with a
// code.
#pragma once

#include <napi.h>

#include <exception>
#include <string>

#include "formats/error.h"

namespace stateline::binding {

inline Napi::Error to_js(Napi::Env env, const std::string& sentence, const char* code) {
  Napi::Error error = Napi::Error::New(env, sentence);
  error.Value().Set("code", Napi::String::New(env, code));
  return error;
}

inline Napi::Error to_js(Napi::Env env, const Error& error) {
  return to_js(env, error.what(), code_name(error.code()));
}

// The exception being handled, as a JavaScript error.
inline Napi::Error current_exception_to_js(Napi::Env env) {
  try {
    throw;
  } catch (const Napi::Error& error) {
    return error;
  } catch (const Error& error) {
    return to_js(env, error);
  } catch (const std::bad_alloc&) {
    return to_js(env, "There is not enough memory; close other programs and try again.",
                 "OUT_OF_MEMORY");
  } catch (const std::exception& error) {
    return to_js(env, error.what(), "UNEXPECTED");
  }
}

// Runs a synchronous method's body; what it throws is thrown in JavaScript.
template <typename Body>
Napi::Value guarded(Napi::Env env, Body body) {
  try {
    return body();
  } catch (...) {
    current_exception_to_js(env).ThrowAsJavaScriptException();
    return env.Undefined();
  }
}

// Runs a method's body that answers by a promise; what it throws rejects the promise.
template <typename Body>
Napi::Value promised(Napi::Env env, Body body) {
  const Napi::Promise::Deferred deferred(env);
  try {
    body(deferred);
  } catch (...) {
    deferred.Reject(current_exception_to_js(env).Value());
  }
  return deferred.Promise();
}

}  // namespace stateline::binding
