/** A schema as plain JSON Schema, as far as our code walks it, with the keywords that are ours. */
export interface SchemaNode {
  $schema?: string
  description?: string
  default?: unknown
  type?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: SchemaNode[]
  properties?: Record<string, SchemaNode>
  /** Of an object whose keys are free: one pattern that all match, and what every value is. */
  patternProperties?: Record<string, SchemaNode>
  propertyNames?: SchemaNode
  required?: string[] | undefined
  items?: SchemaNode
  /** Finishes the sentence "found …, must …"; editors show it as well. */
  errorMessage?: string
  /** One of our formats, which decides what no other keyword can. */
  format?: string
  /** Text of this kind becomes a number when it is normalized. */
  unit?: 'duration' | 'size'
  /** Its keys are laid over those of another section: without defaults, and without rows in the README's table. */
  isOverride?: boolean
  /** Its keys have their rows in the README's table where it stands first. */
  isRepeated?: boolean
  /** What stands in it between `${` and `}` may be filled in for each request. */
  isTemplate?: boolean
  /** Its text is shown to nobody. */
  isSecret?: boolean
  /** What holds without the key, in words, where that is no value. */
  otherwise?: string
  /** The type in words, where it is not to be derived. */
  typeName?: string
}

/** The keywords that JSON Schema does not know. */
export const KEYWORDS = ['errorMessage', 'unit', 'isOverride', 'isRepeated', 'isTemplate', 'isSecret', 'otherwise', 'typeName'] as const satisfies Array<keyof SchemaNode>

/** What the value of a key is. */
export function valuesOf ({ properties, patternProperties }: SchemaNode, key: string): SchemaNode[] {
  const own = properties?.[key]
  return own === undefined ? Object.values(patternProperties ?? {}) : [own]
}

/** The schema itself, or the alternatives when it is a choice. */
export function alternatives (node: SchemaNode): SchemaNode[] {
  return node.anyOf === undefined ? [node] : node.anyOf.flatMap(alternatives)
}
