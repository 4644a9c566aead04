"""Training, closed-form fit, distillation and adapting to own footage, as functions of the library."""
