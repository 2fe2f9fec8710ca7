// tapt_train: continues the pretraining of a RoBERTa on the unlabelled text of a task.
#include "apps/program/train_program.h"

int main(int argc, char** argv) {
  return encore::train_program(encore::Recipe::kTapt, argc, argv);
}
