// The door between C++ and JavaScript: no C++ exception passes it other than as an Error with a
// code.
#pragma once

#include <napi.h>

#include "formats/error.h"

namespace stateline::binding {

inline Napi::Error to_js(Napi::Env env, const Error& error) {
  Napi::Error value = Napi::Error::New(env, error.what());
  value.Value().Set("code", Napi::String::New(env, code_name(error.code())));
  return value;
}

// The exception being handled, as a JavaScript error.
inline Napi::Error current_exception_to_js(Napi::Env env) {
  try {
    throw;
  } catch (const Napi::Error& error) {
    return error;
  } catch (...) {
    return to_js(env, current_error());
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

// Settles a promise with the body's value, or with what it throws. On the JavaScript thread.
template <typename Body>
void settle(Napi::Env env, const Napi::Promise::Deferred& deferred, Body body) {
  try {
    deferred.Resolve(body());
  } catch (...) {
    deferred.Reject(current_exception_to_js(env).Value());
  }
}

}  // namespace stateline::binding
