// Our types as Arrow's.
#pragma once

#include "data/schema.h"

struct ArrowSchema;

namespace millrace {

// Sets the type, with its parameters and children, of an initialized schema. False: no memory.
bool SetArrowType(const Type& type, ArrowSchema* schema);

}  // namespace millrace
