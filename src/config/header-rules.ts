import type { Normalized } from './normalize-by-schema.js'
import type { GlobalHeaders } from './headers-schema.js'
import { spelledAlike } from './header-names.js'
import { parseTemplate, type Template } from './header-template.js'

/** What is set or added: the name as written, and its value taken apart. */
export type FieldRule = readonly [name: string, value: Template]

/** What happens to the headers of one direction, in this order. */
export interface HeaderRules {
  readonly remove: readonly string[]
  readonly set: readonly FieldRule[]
  readonly append: readonly FieldRule[]
}

type Rules = NonNullable<Normalized<typeof GlobalHeaders>['request']>

const NONE: HeaderRules = { remove: [], set: [], append: [] }

/** Compiles the rules of one direction; of what is laid over one another the last counts. */
export function headerRules (...layers: Array<Rules | undefined>): HeaderRules | undefined {
  const rules = layers.reduce((under, own) => own === undefined ? under : layOver(under, own), NONE)
  return rules.remove.length + rules.set.length + rules.append.length === 0 ? undefined : rules
}

/** What is set or removed takes the place of all that was said of the name before; what is appended is added to it. */
function layOver (under: HeaderRules, { remove = [], set = {}, append = {} }: Rules): HeaderRules {
  const renewed = [...remove, ...Object.keys(set)].map(spelledAlike)
  const isKept = (name: string): boolean => !renewed.includes(spelledAlike(name))
  return {
    remove: [...under.remove.filter(isKept), ...remove],
    set: [...under.set.filter(([name]) => isKept(name)), ...parsed(set)],
    append: [...under.append.filter(([name]) => isKept(name)), ...parsed(append)]
  }
}

function parsed (fields: Record<string, string>): FieldRule[] {
  return Object.entries(fields).map(([name, value]) => [name, parseTemplate(value)])
}
