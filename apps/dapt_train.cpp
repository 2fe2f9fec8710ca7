// dapt_train: continues the pretraining of a RoBERTa on the text of a domain.
#include "apps/program/train_program.h"

int main(int argc, char** argv) {
  return encore::train_program(encore::Recipe::kDapt, argc, argv);
}
