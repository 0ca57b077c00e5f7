// A network of some family: its plan, and its forward pass in terms of operations. A family is one
// file, which runs on every device.
#pragma once

#include <memory>
#include <string>

#include "formats/json.h"
#include "models/pass.h"
#include "models/plan.h"

namespace stateline::models {

class Network {
 public:
  virtual ~Network() = default;

  const Plan& plan() const { return plan_; }
  // From the tokens to plan().stream, whose first rows then are those that are wanted.
  virtual void forward(const Pass& pass) const = 0;

 protected:
  Plan plan_;
};

// Of the family that a config.json names; `file` is its name. Throws Error(kInvalidModel) with one
// sentence if a field is missing, unknown or out of bounds.
std::unique_ptr<const Network> make_network(const formats::Json& config, const std::string& file);

}  // namespace stateline::models
