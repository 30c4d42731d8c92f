import { describe, expect, it } from '@jest/globals';
import { definePipeline, type PipelineInput, primaryMetric } from './pipeline.js';
import { coarseThreshold } from './pipeline/serving.js';

function pipelineWithColumn(column: string): PipelineInput {
  return {
    name: 'houses',
    source: { format: 'csv', uri: 'houses.csv' },
    columns: { [column]: { type: 'float' } },
    target: { task: 'regression', name: 'price', expression: 'price' },
    split: { kind: 'random' },
    features: { size: { kind: 'numeric', column } },
    model: { family: 'linear' },
  };
}

describe('definePipeline', () => {
  it.each(['value', 'probabilities', 'class_index'])('refuses a feature of a column named like the output %s of the model', (column) => {
    expect(() => definePipeline(pipelineWithColumn(column))).toThrow(
      expect.objectContaining({
        type: 'InvalidPipeline',
        message: expect.stringContaining(`features.size.column: "${column}" is the name of an output`),
      }),
    );
  });

  it('accepts any other column', () => {
    expect(definePipeline(pipelineWithColumn('values')).features.size.column).toBe('values');
  });

  it('says what a gate looks like when it is given another form', () => {
    const misspelt = { ...pipelineWithColumn('size'), gates: [{ metric: 'r2', atLeast: 0.5 }] } as unknown as PipelineInput;
    expect(() => definePipeline(misspelt)).toThrow(/gates\.0: a gate is \{metric, min\}.*betterThan.*rmse, mae, r2/);
  });

  it('refuses a gate and a primary metric that the task does not have before anything is trained', () => {
    const pipeline = pipelineWithColumn('size');
    expect(() => definePipeline({ ...pipeline, gates: [{ metric: 'auc', min: 0.7 }] })).toThrow(
      /gates\.0\.metric: a regression model has no auc; its metrics are rmse, mae, r2/,
    );
    expect(() => definePipeline({ ...pipeline, evaluation: { primaryMetric: 'logLoss' } })).toThrow(
      /evaluation\.primaryMetric: a regression model has no logLoss/,
    );
    expect(definePipeline({ ...pipeline, gates: [{ metric: 'r2', min: 0.5 }] }).gates).toHaveLength(1);
  });

  it('that misspells a field is told of the one that was meant, first', () => {
    const { model, ...others } = pipelineWithColumn('size');
    expect(() => definePipeline({ ...others, modell: model } as never)).toThrow(
      /is not valid: \(top level\): there is no field "modell" \(did you mean "model"\?\); model: /,
    );
  });

  it.each<[object, string]>([
    [{ servng: {} }, '(top level): there is no field "servng" (did you mean "serving"?)'],
    [{ serving: { anomally: {} } }, 'serving: there is no field "anomally" (did you mean "anomaly"?)'],
    [
      { serving: { anomaly: { policy: 'flag', treshold: 1 } } },
      'serving.anomaly: there is no field "treshold" (did you mean "threshold"?)',
    ],
    [{ model: { family: 'mlp', hiden: [8] } }, 'model: there is no field "hiden" (did you mean "hidden"?)'],
    [{ training: { epoch: 3, bath: 1 } }, 'training: there is no field "epoch" (did you mean "epochs"?), "bath"'],
    [{ training: { schedule: { kind: 'cosine', finall: 0.1 } } }, 'training.schedule: there is no field "finall" (did you mean "final"?)'],
    [{ source: { format: 'csv', uri: 'a.csv', delimeter: ';' } }, 'source: there is no field "delimeter" (did you mean "delimiter"?)'],
    [{ columns: { size: { type: 'float', nulable: true } } }, 'columns.size: there is no field "nulable" (did you mean "nullable"?)'],
  ])('with %j is told the field that was meant, at every level', (more, problem) => {
    expect(() => definePipeline({ ...pipelineWithColumn('size'), ...more } as PipelineInput)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(`is not valid: ${problem}. Correct the definition`) }),
    );
  });

  it.each<[object, string]>([
    [
      { training: { schedule: 'cosin' } },
      'training.schedule: expected one of "cosine", "constant", or an object such as {"kind": "constant"}, {"kind": "cosine"}, {"kind": "step"}',
    ],
    [{ training: { schedule: { kind: 'step' } } }, 'training.schedule.everyEpochs: expected a number, but it is missing'],
    [
      { training: { schedule: { kind: 'linear' } } },
      'training.schedule.kind: expected one of "constant", "cosine", "step", but "linear" was given',
    ],
    [
      { training: { optimizer: 'sgd' } },
      'training.optimizer: expected an object such as {"kind": "adamw"}, {"kind": "adam"}, {"kind": "sgd"}, but "sgd" was given',
    ],
    [
      { training: { gradientClipping: 1 } },
      'training.gradientClipping: expected an object of the fields norm, value, such as {"norm": …}, but 1 was given',
    ],
    [{ training: { epochs: 1.5 } }, 'training.epochs: expected a whole number, but 1.5 was given'],
    [{ training: { epochs: 0 } }, 'training.epochs: expected at least 1, but 0 was given'],
    [{ training: { learningRate: 11 } }, 'training.learningRate: expected at most 10, but 11 was given'],
    [
      { model: { family: 'lstm' } },
      'model.family: expected one of "linear", "mlp", "wide-and-deep", "cnn", "module", but "lstm" was given',
    ],
    [{ model: { family: 'cnn', kernelSize: 4 } }, 'model.kernelSize: expected 3, or 5'],
    [{ model: { family: 'mlp', batchNorm: true } }, 'model: there is no field "batchNorm" (here, that is normalization: "batch")'],
    [
      { training: { lr: 0.1, batch_size: 8 } },
      'training: there is no field "lr" (here, that is learningRate), "batch_size" (here, that is batchSize)',
    ],
    [
      { model: { family: 'linear', hidden: [8], embeddingScale: 1 } },
      'model: hidden, embeddingScale belong to another family of models; leave them out',
    ],
    [{ gates: [{ metric: 'r2', min: 1.5 }] }, 'gates.0.min: r2 is at most 1, so that no model reaches 1.5'],
    [{ gates: [{ metric: 'rmse', max: -1 }] }, 'gates.0.max: rmse is at least 0, so that no model keeps within -1'],
  ])('with %j is told in plain words what is expected', (more, problem) => {
    expect(() => definePipeline({ ...pipelineWithColumn('size'), ...more } as PipelineInput)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(`is not valid: ${problem}. Correct the definition`) }),
    );
  });

  it('refuses a gate on the mean over folds that are never trained', () => {
    const pipeline = pipelineWithColumn('size');
    const gates = [
      { metric: 'r2' as const, min: 0.4 },
      { metric: 'r2' as const, crossValidated: true as const, min: 0.5 },
    ];
    expect(() => definePipeline({ ...pipeline, gates })).toThrow(/gates\.1\.crossValidated: the pipeline has no crossValidation/);
    expect(definePipeline({ ...pipeline, gates, crossValidation: { kind: 'k-fold' } }).gates).toEqual(gates);
    const against = { metric: 'r2', crossValidated: true, betterThan: 'baseline', by: 0.1 } as unknown as (typeof gates)[number];
    expect(() => definePipeline({ ...pipeline, gates: [against] })).toThrow(/gates\.0: there is no field "crossValidated"/);
  });
});

describe('the options of hidden layers', () => {
  const withModel = (model: object) => () => definePipeline({ ...pipelineWithColumn('values'), model } as PipelineInput).model;

  it.each(['mlp', 'wide-and-deep'])('are taken by %s', (family) => {
    const options = { dropout: 0.9, normalization: 'layer', residual: true };
    expect(withModel({ family, ...options })()).toMatchObject(options);
  });

  it('leave a model that does not name them as it was', () => {
    expect(withModel({ family: 'mlp' })()).toEqual({ family: 'mlp', hidden: [128, 64], activation: 'relu' });
  });

  it.each([{ dropout: 0.95 }, { dropout: -0.1 }, { normalization: 'group' }, { activation: 'mish' }, { residual: 'yes' }])(
    'are refused outside their range: %j',
    (options) => {
      expect(withModel({ family: 'mlp', ...options })).toThrow(expect.objectContaining({ type: 'InvalidPipeline' }));
    },
  );

  it('are not for the linear family', () => {
    expect(withModel({ family: 'linear', dropout: 0.1 })).toThrow('dropout');
  });
});

describe('the training', () => {
  const withTraining =
    (training: object, target: object, features: object = { size: { kind: 'numeric', column: 'values' } }) =>
    () =>
      definePipeline({ ...pipelineWithColumn('values'), target, features, training } as PipelineInput).training;
  const regression = { task: 'regression', name: 'price', expression: 'price' };
  const binary = { task: 'binary', name: 'sold', expression: 'sold', classes: ['open', 'sold'] };
  const multiclass = { task: 'multiclass', name: 'kind', expression: 'kind' };
  const labels = { task: 'multilabel', name: 'traits', labels: { old: 'age > 50', large: 'size > 3' } };

  it('stays as it was without the options of imbalance, label noise and augmentation', () => {
    expect(Object.keys(withTraining({}, binary)())).not.toEqual(expect.arrayContaining(['sampling']));
    expect(withTraining({}, binary)().classWeights).toBe('none');
  });

  it('fills in what an option leaves out', () => {
    const training = { sampling: { kind: 'oversample' }, loss: { kind: 'focal' }, classWeights: { sold: 3 } };
    expect(withTraining(training, binary)()).toMatchObject({ sampling: { ratio: 1 }, loss: { gamma: 2 }, classWeights: { sold: 3 } });
    expect(withTraining({ loss: { kind: 'huber' } }, regression)().loss).toEqual({ kind: 'huber', delta: 1 });
  });

  it('stays as it was without an optimizer, a schedule of its own, clipping and averaging', () => {
    expect(withTraining({}, binary)()).toEqual({
      engine: 'auto',
      epochs: 20,
      batchSize: 256,
      learningRate: 0.002,
      schedule: 'cosine',
      weightDecay: 0,
      classWeights: 'none',
      seed: 1,
      checkpointEverySeconds: 1,
    });
  });

  it('fills in what an optimizer, a schedule and an average leave out', () => {
    const training = { optimizer: { kind: 'sgd' }, schedule: { kind: 'step', everyEpochs: 3 }, weightAveraging: {} };
    expect(withTraining(training, binary)()).toMatchObject({
      optimizer: { momentum: 0.9, nesterov: false },
      schedule: { factor: 0.1 },
      weightAveraging: { decay: 0.999 },
    });
  });

  it.each([
    [{ optimizer: { kind: 'sgd', momentum: 0, nesterov: true } }, binary, 'training.optimizer.nesterov: there is no momentum'],
    [{ loss: { kind: 'quantile', quantiles: [0.5, 0.1] } }, regression, 'training.loss.quantiles: must increase'],
    [{ loss: { kind: 'quantile', quantiles: [0.1, 0.9] } }, regression, 'training.loss.quantiles: 0.5 must be among them'],
    [{ loss: { kind: 'quantile' } }, binary, 'training.loss: a binary target cannot be trained with quantile'],
    [{ classWeights: 'balanced' }, labels, 'training.classWeights: a multilabel target has no classes to weigh'],
    [{ loss: { kind: 'focal' } }, labels, 'training.loss: a multilabel target is trained with cross-entropy'],
    [{ labelSmoothing: 0.1 }, labels, 'training.labelSmoothing: is for targets of one label'],
    [{}, { ...labels, labels: { one: 'x' } }, 'needs 2 to 24 labels'],
    [{ gradientClipping: {} }, binary, 'training.gradientClipping: says no bound'],
    [{ optimizer: { kind: 'adam', momentum: 0.9 } }, binary, 'training.optimizer'],
    [{ schedule: { kind: 'step' } }, binary, 'training.schedule'],
    [
      { loss: { kind: 'focal' } },
      regression,
      'training.loss: a regression target cannot be trained with focal; choose one of squared, huber',
    ],
    [
      { loss: { kind: 'huber' } },
      binary,
      'training.loss: a binary target cannot be trained with huber; choose one of cross-entropy, focal',
    ],
    [{ sampling: { kind: 'oversample' } }, regression, 'training.sampling: a regression target has no classes'],
    [{ labelSmoothing: 0.1 }, regression, 'training.labelSmoothing: a regression target has no labels'],
    [{ classWeights: { a: 2 } }, regression, 'training.classWeights: a regression target has no classes'],
    [{ classWeights: {} }, binary, 'training.classWeights: names no class'],
    [{ classWeights: { bought: 2 } }, binary, 'training.classWeights.bought: the target has no such class; its classes are open, sold'],
    [{ loss: { kind: 'focal', alpha: 0.3 } }, multiclass, 'training.loss.alpha: is the weight of the positive of two classes'],
    [{ augmentation: { images: { flip: 'both' } } }, binary, 'training.augmentation.images: there is no feature of kind "image"'],
    [{ labelSmoothing: 0.6 }, binary, 'training.labelSmoothing'],
    [{ augmentation: { mixup: 0 } }, binary, 'training.augmentation.mixup'],
    [{ augmentation: { images: { shear: 1 } } }, binary, 'training.augmentation.images'],
  ])('%j does not go with %j', (training, target, message) => {
    expect(withTraining(training, target)).toThrow(message);
  });

  it('measures quantiles where they are predicted alone', () => {
    const withMetrics = (training: object, more: object) => () =>
      definePipeline({ ...pipelineWithColumn('values'), target: regression, training, ...more } as PipelineInput);
    const quantile = { loss: { kind: 'quantile' } };
    expect(primaryMetric(withMetrics(quantile, {})())).toBe('pinball');
    expect(withMetrics(quantile, { gates: [{ metric: 'coverage', min: 0.75 }] })).not.toThrow();
    expect(withMetrics({}, { gates: [{ metric: 'coverage', min: 0.75 }] })).toThrow('gates.0.metric: coverage is of predicted quantiles');
    expect(withMetrics(quantile, { evaluation: { primaryMetric: 'coverage' } })).toThrow('more coverage is not better');
    expect(withMetrics(quantile, { gates: [{ metric: 'coverage', betterThan: 'baseline', by: 0 }] })).toThrow('gates.0: more coverage');
  });

  it('can be searched down to the options of its augmentation', () => {
    const space = { 'training.augmentation.mixup': { kind: 'uniform', low: 0.1, high: 0.5 } } as const;
    expect(definePipeline({ ...pipelineWithColumn('values'), sweep: { space } }).sweep!.space).toEqual(space);
  });

  it('of convolutions is not for an engine without their gradients, neither in a sweep', () => {
    const define = (training: object, more: object = {}) =>
      definePipeline({
        ...pipelineWithColumn('values'),
        columns: { values: { type: 'image', height: 8, width: 8 } },
        features: { pixels: { kind: 'image', column: 'values' } },
        model: { family: 'cnn' },
        training,
        ...more,
      } as PipelineInput);
    expect(() => define({ engine: 'tfjs-wasm' })).toThrow('training.engine: tfjs-wasm cannot train convolutions');
    const space = { 'training.engine': { kind: 'choice', values: ['auto', 'tfjs-wasm'] } };
    expect(() => define({}, { sweep: { space } })).toThrow('sweep.space.training.engine: "tfjs-wasm" is not possible');
  });

  it('has no noise for features without numbers', () => {
    const categories = { size: { kind: 'categorical', column: 'values' } };
    const define = () =>
      definePipeline({
        ...pipelineWithColumn('values'),
        columns: { values: { type: 'string' } },
        features: categories,
        training: { augmentation: { jitter: 0.1, featureDropout: 0.1, mixup: 0.2 } },
      } as PipelineInput);
    expect(define).toThrow('training.augmentation.jitter: there is no numeric feature');
    expect(define).not.toThrow('featureDropout');
  });
});

describe('serving.anomaly', () => {
  const pipeline = { ...pipelineWithColumn('size'), serving: { anomaly: { policy: 'flag' as const } } };

  it('means one training row in a thousand unless a threshold is given', () => {
    expect(definePipeline(pipeline).serving).toEqual({ anomaly: { policy: 'flag', threshold: 0.999 } });
    expect(() => definePipeline({ ...pipeline, serving: { anomaly: { policy: 'flag', threshold: 2 } } })).toThrow(
      /serving\.anomaly\.threshold/,
    );
  });

  it('refuses to fall back on nothing', () => {
    const anomaly = { policy: 'fallback' as const };
    expect(() => definePipeline({ ...pipeline, serving: { anomaly } })).toThrow(/serving\.anomaly\.policy: nothing would answer instead/);
    expect(definePipeline({ ...pipeline, serving: { anomaly, degrade: { prior: true } } }).serving?.degrade).toEqual({ prior: true });
  });

  it('refuses to fall back on the model itself', () => {
    const degrade = { fallbackModel: pipeline.name };
    expect(() => definePipeline({ ...pipeline, serving: { degrade } })).toThrow(/serving\.degrade\.fallbackModel: .* own model/);
    expect(definePipeline({ ...pipeline, serving: { degrade: { fallbackModel: 'smaller' } } }).serving?.degrade?.fallbackModel).toBe(
      'smaller',
    );
  });

  it('tells where a threshold is finer than the training rows are', () => {
    const anomaly = { policy: 'flag' as const, threshold: 0.999 };
    expect(coarseThreshold({ anomaly }, 206)).toMatch(
      /0\.999, and of 206 training rows .* more than 0\.9951, .* A threshold of 0\.99 or less/,
    );
    expect(coarseThreshold({ anomaly }, 1000)).toBeUndefined();
    expect(coarseThreshold({ anomaly: { ...anomaly, policy: 'off' } }, 206)).toBeUndefined();
    expect(coarseThreshold(undefined, 206)).toBeUndefined();
  });

  it('refuses a policy where rows can have no score', () => {
    const named = pipelineWithColumn('anomaly');
    expect(definePipeline(named).features.size.column).toBe('anomaly');
    expect(() => definePipeline({ ...named, serving: pipeline.serving })).toThrow(/a column named "anomaly"/);
    const columns = { size: { type: 'timestamp' as const } };
    const features = { size: { kind: 'calendar' as const, column: 'size', part: 'month' as const } };
    expect(() => definePipeline({ ...pipeline, columns, features })).toThrow(/serving\.anomaly: rows have no score/);
  });
});
