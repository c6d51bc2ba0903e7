import { expect } from 'chai';
import fc from 'fast-check';
import { JobQueue } from '../../lib/verify/job-queue';
import type { JobPriority, QueuedJob } from '../../lib/verify/job-queue';

const PRIORITIES = ['live', 'sync', 'background'] as const;

interface Job extends QueuedJob {
  readonly number: number;
}

/** What Piscina makes of a job. */
interface Task {
  readonly job: Job;
}

const newQueue = (): JobQueue<Task> => new JobQueue(({ job }) => job);
const taskOf = (number: number, priority: JobPriority, again = false): Task => ({
  job: { number, priority, again, begun: true },
});
const drain = (queue: JobQueue<Task>): number[] =>
  Array.from({ length: queue.size }, () => queue.shift()?.job.number ?? -1);

describe('verify/job-queue', () => {
  it('gives live jobs, then syncs, then background ones, each kind in its order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...PRIORITIES)), (priorities) => {
        const queue = newQueue();
        priorities.forEach((priority, number) => queue.push(taskOf(number, priority)));
        const inOrder = PRIORITIES.flatMap((kind) =>
          priorities.flatMap((priority, number) => (priority === kind ? number : [])),
        );
        expect(drain(queue)).to.deep.equal(inOrder);
        expect(queue.shift()).to.equal(null);
      }),
    );
  });

  it('puts in front of its kind what lost its worker, and what found none', () => {
    const queue = newQueue();
    queue.push(taskOf(1, 'background'));
    queue.push(taskOf(2, 'live'));
    queue.push(taskOf(3, 'live', true));
    queue.push(taskOf(4, 'background', true));
    queue.unshift(taskOf(5, 'live'));
    expect(drain(queue)).to.deep.equal([5, 3, 2, 4, 1]);
  });

  it('notes whether a job waits', () => {
    const queue = newQueue();
    const task = taskOf(1, 'live');
    queue.push(task);
    expect(task.job.begun).to.equal(false);
    queue.shift();
    expect(task.job.begun).to.equal(true);
    queue.unshift(task);
    expect(task.job.begun).to.equal(false);
  });

  it('takes out one job, or all', () => {
    const queue = newQueue();
    const tasks = PRIORITIES.map((priority, number) => taskOf(number, priority));
    for (const task of tasks) queue.push(task);
    queue.remove(taskOf(1, 'sync'));
    expect(queue.size).to.equal(3);
    queue.remove(tasks[1] as Task);
    expect(queue.size).to.equal(2);
    queue.clear();
    expect(drain(queue)).to.deep.equal([]);
  });
});
