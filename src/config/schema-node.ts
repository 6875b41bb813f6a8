/** A schema as plain JSON Schema, as far as our code walks it. */
export interface SchemaNode {
  $schema?: string
  type?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: SchemaNode[]
  properties?: Record<string, SchemaNode>
  items?: SchemaNode
  errorMessage?: string
}

/** The schema itself, or the alternatives when it is a choice. */
export function alternatives (node: SchemaNode): SchemaNode[] {
  return node.anyOf === undefined ? [node] : node.anyOf.flatMap(alternatives)
}
