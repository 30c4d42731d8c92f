import { convolutionCases, imageCases, poolingCases } from './image-cases.js';
import {
  affineCases,
  elementwiseCases,
  gatherCases,
  gradientCases,
  type LoweringCase,
  matMulCases,
  randomNumberCases,
  reductionCases,
  shapeCases,
} from './lowering-cases.js';

/** The table of cases; every kernel that can be lowered stands in at least one. */
export const allCases: readonly LoweringCase[] = [
  ...elementwiseCases,
  ...reductionCases,
  ...matMulCases,
  ...shapeCases,
  ...gatherCases,
  ...randomNumberCases,
  ...affineCases,
  ...gradientCases,
  ...convolutionCases,
  ...poolingCases,
  ...imageCases,
];
