"""A named tuple of arrays that kernels pass on by its address.

Passed by value, a node and what it is searched with are five hundred scalars a call, and most of the
compiler's work. A held tuple is one: its fields are read where they are used. It lives as long as the
call of the kernel that holds it, and its arrays, which the caller owns, are not counted again.
"""

import hashlib
from typing import Any

from numba.core import cgutils, types
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, models, register_model


class Held(types.Type):
    """Type of a held named tuple."""

    def __init__(self, named: types.NamedTuple) -> None:
        self.named = named
        digest = hashlib.sha256(str(named).encode()).hexdigest()[:8]
        super().__init__(f"Held{named.instance_class.__name__}{digest}")

    def index(self, name: str) -> int:
        """Place of a field; ValueError if there is none of that name."""
        return self.named.fields.index(name)


@register_model(Held)
class _HeldModel(models.PointerModel):
    """An address; what it points to is known by the type."""

    def __init__(self, dmm: Any, held: Held) -> None:
        models.PrimitiveModel.__init__(self, dmm, held, cgutils.voidptr_t)


@infer_getattr
class _HeldFields(AttributeTemplate):
    key = Held

    def generic_resolve(self, held: Any, name: str) -> Any:  # type: ignore[override]
        if name not in held.named.fields:
            return None
        field = held.named.types[held.index(name)]
        return Held(field) if isinstance(field, types.NamedTuple) else field


@lower_getattr_generic(Held)
def _read_field(context: Any, builder: Any, held: Held, address: Any, name: str) -> Any:
    index = held.index(name)
    struct = builder.bitcast(address, context.get_value_type(held.named).as_pointer())
    place = cgutils.gep_inbounds(builder, struct, 0, index)
    field = held.named.types[index]
    if isinstance(field, types.NamedTuple):
        return builder.bitcast(place, cgutils.voidptr_t)
    value = builder.load(place)
    if isinstance(field, types.Array):
        array = context.make_array(field)(context, builder, value)
        array.meminfo = context.get_constant_null(types.MemInfoPointer(types.voidptr))
        array.parent = context.get_constant_null(types.pyobject)
        value = array._getvalue()
    return value


@intrinsic
def held(typing_context: Any, named: Any) -> Any:
    """The named tuple `named`, held until the calling function returns."""
    if not isinstance(named, types.NamedTuple):
        return None

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(cgutils.alloca_once_value(builder, args[0]), cgutils.voidptr_t)

    return Held(named)(named), generate
