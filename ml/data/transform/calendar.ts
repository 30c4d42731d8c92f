import type { CalendarPart, FittedCalendar } from '../../../contracts/fitted-feature.js';
import { elementTypes, type GraphBuilder } from '../../graph/onnx-builder.js';
import { identifier, numberLiteral } from '../sql-quoting.js';
import { calendarRanges, calendarSize, calendarSql, isIndexed } from './calendar-parts.js';
import { lowerCalendar } from './lower-calendar.js';
import type { TransformKind } from './transform-kind.js';

/** Parts of a timestamp in UTC: an index, sine and cosine of the place in the period, or a standardized number. */
export const calendarKind: TransformKind<FittedCalendar> = {
  indexColumns: (feature) =>
    isIndexed(feature)
      ? [
          {
            name: feature.name,
            size: calendarSize(feature.part),
            dimension: feature.dimension,
            ...(feature.encoding === 'one-hot' ? { encoding: feature.encoding } : {}),
          },
        ]
      : [],
  numberColumns: (features) => [
    ...cyclicalOf(features).flatMap(({ name }) => [`${name} sine`, `${name} cosine`]),
    ...numericOf(features).map(({ name }) => name),
  ],
  indexSql: (feature) => (isIndexed(feature) ? [`CAST(${calendarIndexSql(feature)} AS INTEGER)`] : []),
  numberSql: (features) =>
    [...cyclicalOf(features).flatMap(cyclicalSql), ...numericOf(features).map(numericSql)].map((sql) => ({ sql, width: 1 })),
  lower: (builder, features, inputOf) => {
    const inputs = [...new Set(features.map((feature) => inputOf(feature).name))];
    // One chain of nodes for all that read the same timestamp.
    const groups = inputs.map((input) => {
      const group = features.filter((feature) => feature.input === input);
      const { value, order, isMissing } = lowerCalendar(
        builder,
        input,
        group.map(({ part }) => part),
      ); // int64 [N, group]
      return { value, isMissing, features: order.map((position) => group[position]) };
    });
    const numbers = [
      ...cyclicalOf(features).map((feature) => lowerCyclical(builder, columnOf(builder, groups, feature), feature.part)),
      ...numericOf(features).map((feature) => lowerNumeric(builder, groups, feature)),
    ];
    return {
      indices: groups.flatMap(({ value, features: group }) => {
        const places = group.flatMap((feature, i) => (isIndexed(feature) ? [i] : []));
        if (places.length === 0) return [];
        const chosen =
          places.length === group.length ? value : builder.node('Gather', [value, builder.constant('int64', places)], { axis: 1 });
        return [{ value: chosen, names: places.map((i) => group[i].name) }];
      }),
      ...(numbers.length > 0 ? { numbers: numbers.length === 1 ? numbers[0] : builder.node('Concat', numbers, { axis: 1 }) } : {}),
    };
  },
};

interface CalendarGroup {
  /** int64 [N, features] */
  readonly value: string;
  /** bool [N, 1] */
  readonly isMissing: string;
  readonly features: readonly FittedCalendar[];
}

function cyclicalOf(features: readonly FittedCalendar[]): FittedCalendar[] {
  return features.filter(({ encoding }) => encoding === 'cyclical');
}

function numericOf(features: readonly FittedCalendar[]): FittedCalendar[] {
  return features.filter(({ encoding }) => encoding === 'numeric');
}

function partSql({ part, input }: FittedCalendar): string {
  return calendarSql[part](`epoch_ms(${identifier(input)})`);
}

function calendarIndexSql(feature: FittedCalendar): string {
  const { first } = calendarRanges[feature.part as Exclude<CalendarPart, 'year'>];
  return `coalesce(${partSql(feature)} + ${1 - first}, 0)`;
}

function cyclicalSql(feature: FittedCalendar): string[] {
  const { first, values } = calendarRanges[feature.part as Exclude<CalendarPart, 'year'>];
  const angle = `(2 * pi() * (${partSql(feature)} - ${first}) / ${values})`;
  return ['sin', 'cos'].map((wave) => `CAST(coalesce(${wave}(${angle}), 0) AS FLOAT)`);
}

function numericSql(feature: FittedCalendar): string {
  return `CAST(coalesce((${partSql(feature)} - ${numberLiteral(feature.center ?? 0)}) / ${numberLiteral(feature.scale ?? 1)}, 0) AS FLOAT)`;
}

function groupOf(groups: readonly CalendarGroup[], feature: FittedCalendar): CalendarGroup {
  return groups.find((group) => group.features.includes(feature))!;
}

/** @returns name of an int64 [N, 1] value */
function columnOf(builder: GraphBuilder, groups: readonly CalendarGroup[], feature: FittedCalendar): string {
  const { value, features } = groupOf(groups, feature);
  if (features.length === 1) return value;
  return builder.node('Gather', [value, builder.constant('int64', [features.indexOf(feature)])], { axis: 1 });
}

/** @param index name of an int64 [N, 1] value @returns name of a float32 [N, 2] value */
function lowerCyclical(builder: GraphBuilder, index: string, part: CalendarPart): string {
  const { values } = calendarRanges[part as Exclude<CalendarPart, 'year'>];
  const angles = Array.from({ length: values }, (_, i) => (2 * Math.PI * i) / values);
  const table = [0, 0, ...angles.flatMap((angle) => [Math.sin(angle), Math.cos(angle)])];
  const rows = builder.node('Gather', [builder.constant('float32', table, [values + 1, 2]), index]); // float32 [N, 1, 2]
  return builder.node('Reshape', [rows, builder.constant('int64', [-1, 2])]);
}

/** @returns name of a float32 [N, 1] value */
function lowerNumeric(builder: GraphBuilder, groups: readonly CalendarGroup[], feature: FittedCalendar): string {
  const { part, center = 0, scale = 1 } = feature;
  // Indices begin with 1.
  const shift = part === 'year' ? 0 : 1 - calendarRanges[part].first;
  const float = (value: number) => builder.scalar('float64', value);
  const number = builder.node('Cast', [columnOf(builder, groups, feature)], { to: elementTypes.float64 }); // float64 [N, 1]
  const scaled = builder.node('Div', [builder.node('Sub', [number, float(center + shift)]), float(scale)]); // float64 [N, 1]
  const { isMissing } = groupOf(groups, feature);
  return builder.node('Cast', [builder.node('Where', [isMissing, float(0), scaled])], { to: elementTypes.float32 }); // float32 [N, 1]
}
