/* fma of triples of float64 from standard input, to standard output; with an argument, fmaf of float32. */
#include "binary_streams.h"
#include "fastact.h"
#include "lanes/baseline.h"

int main(int count, char **arguments)
{
    double wide[3];
    float narrow[3];
    (void)arguments;
    binary_streams();
    if (count > 1)
        while (fread(narrow, sizeof narrow, 1, stdin) == 1) {
            const float result = f32_fma(narrow[0], narrow[1], narrow[2]);
            fwrite(&result, sizeof result, 1, stdout);
        }
    else
        while (fread(wide, sizeof wide, 1, stdin) == 1) {
            const double result = f64_fma(wide[0], wide[1], wide[2]);
            fwrite(&result, sizeof result, 1, stdout);
        }
    return 0;
}
