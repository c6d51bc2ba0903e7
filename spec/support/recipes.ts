// Makes a failing simulation print how to reproduce it: its seed, the options that this expands to, and its steps.

/** A run that can be reproduced. */
export interface Simulation {
  /** How to reproduce it, and its current state. */
  readonly recipe: string;
}

/** The simulations of the current spec or run of a property. */
let made: Simulation[] = [];

/** Called by every simulation when it begins. */
export function noteSimulation(simulation: Simulation): void {
  made.push(simulation);
}

/** Call in a `describe`: a failing spec then prints how to reproduce each of its simulations. */
export function printRecipes(): void {
  beforeEach(() => {
    made = [];
  });
  afterEach(function () {
    const error = this.currentTest?.err;
    if (error !== undefined) addRecipes(error);
    made = [];
  });
}

/** The same for one run of a property; its simulations are dropped when it succeeds. */
export async function withRecipes<T>(run: () => Promise<T>): Promise<T> {
  made = [];
  try {
    return await run();
  } catch (error) {
    if (error instanceof Error) addRecipes(error);
    throw error;
  } finally {
    made = [];
  }
}

/** Adds the recipes as the cause: reporters may show only a part of a message. */
function addRecipes(error: Error): void {
  const recipes = made.map(({ recipe }) => recipe).join('\n');
  error.cause ??= Object.assign(new Error(recipes), { stack: recipes });
}
